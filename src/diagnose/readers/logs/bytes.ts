// Bytes of a log as text and numbers, without the platform's decoder: pure folders have none.

const PIECE = 4096;

/** UTF-8 to text; what is no UTF-8 becomes U+FFFD. */
export function decodeBytes(bytes: Uint8Array, start: number, end: number): string {
  let isAscii = true;
  for (let i = start; i < end; i++) {
    if ((bytes[i] as number) > 0x7f) {
      isAscii = false;
      break;
    }
  }
  return isAscii ? fromCodes(bytes.subarray(start, end)) : decodeUtf8(bytes, start, end);
}

function fromCodes(codes: ArrayLike<number> & { subarray?: unknown }): string {
  if (codes.length <= PIECE) return String.fromCharCode.apply(undefined, codes as unknown as number[]);
  const array = codes as Uint8Array | Uint16Array;
  let text = "";
  for (let i = 0; i < array.length; i += PIECE) {
    text += String.fromCharCode.apply(undefined, array.subarray(i, i + PIECE) as unknown as number[]);
  }
  return text;
}

function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  const units = new Uint16Array(end - start);
  let count = 0;
  let i = start;
  while (i < end) {
    const first = bytes[i] as number;
    const length = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : 4;
    let code = length === 1 ? first : length === 2 ? first & 0x1f : length === 3 ? first & 0x0f : first & 0x07;
    let taken = 1;
    while (taken < length && i + taken < end && ((bytes[i + taken] as number) & 0xc0) === 0x80) {
      code = (code << 6) | ((bytes[i + taken] as number) & 0x3f);
      taken++;
    }
    const isBroken =
      taken < length ||
      (first >= 0x80 && first < 0xc2) ||
      first > 0xf4 ||
      (length === 3 && (code < 0x800 || (code >= 0xd800 && code < 0xe000))) ||
      (length === 4 && (code < 0x10000 || code > 0x10ffff));
    if (isBroken) {
      units[count++] = 0xfffd;
      i += 1;
      continue;
    }
    if (code >= 0x10000) {
      units[count++] = 0xd800 + ((code - 0x10000) >> 10);
      units[count++] = 0xdc00 + (code & 0x3ff);
    } else units[count++] = code;
    i += length;
  }
  return fromCodes(units.subarray(0, count));
}

/** The bytes of an ASCII text. */
export function asciiBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
