// A line of a host's log (syslog of either form of time, in it klog, logrus or prose) that says nothing any rule asks for, told
// by its bytes alone. `messages` and kubelet's log are nearly all such lines, and reading each as text is many times slower.
//
// Promise: a line taken here would have had no effect as text, but for its time and for being a line of another program. All
// else (odd bytes, a second date, a word that some reader looks for) is left to the reader of texts.

/** Longer lines are cut by the reader of texts. */
const LENGTH_MAX = 16 * 1024;
const QUOTE = 0x22;
const BLANK = 0x20;
const COLON = 0x3a;

/** What a byte may begin or end: 0 nothing, 1 never seen in a plain line, else itself. */
const LOOKED_AT = new Uint8Array(256).map((_, byte) => {
  if (byte !== 9 && (byte < 32 || byte > 126)) return 1;
  const char = String.fromCharCode(byte);
  if (char === "`") return 1;
  return '"_[-=xXWNgG\\'.includes(char) ? byte : 0;
});

export class HostLine {
  /** Where its time lies, when it tells one; else both are 0. */
  timeStart = 0;
  timeEnd = 0;

  /** Whether the range is such a line, but for the texts of the signals, which are not looked for here. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    this.timeStart = 0;
    this.timeEnd = 0;
    if (end - start > LENGTH_MAX || end - start < 20) return false;
    const hasDay = isDayAndTime(bytes, start);
    const stampEnd = hasDay ? start + 15 : timeEnd(bytes, start, end);
    if (stampEnd === 0 || bytes[stampEnd] !== BLANK) return false;
    const at = afterProgram(bytes, stampEnd + 1, end);
    if (at === 0) return false;
    const logrusEnd = this.#logrus(bytes, at, end);
    const isLogrus = logrusEnd !== 0;
    if (!isLogrus && !hasDay) {
      this.timeStart = start;
      this.timeEnd = stampEnd;
    }
    const mayDate = isLogrus || !hasDay || isKlog(bytes, at, end);
    return isPlain(bytes, isLogrus ? logrusEnd : at, end, { isLogrus, mayDate });
  }

  /** Behind `time="…" level=… msg=` at that place; 0 where something else stands there, or a level that counts. */
  #logrus(bytes: Uint8Array, at: number, end: number): number {
    if (bytes[at] !== 0x74 || bytes[at + 4] !== 0x3d || bytes[at + 5] !== QUOTE) return 0;
    if (bytes[at + 1] !== 0x69 || bytes[at + 2] !== 0x6d || bytes[at + 3] !== 0x65) return 0;
    const quoteEnd = timeEnd(bytes, at + 6, end);
    if (quoteEnd === 0 || bytes[quoteEnd] !== QUOTE) return 0;
    let i = quoteEnd + 1;
    for (const byte of LEVEL_KEY) if (bytes[i++] !== byte) return 0;
    const first = bytes[i] as number;
    if (first !== 0x69 && first !== 0x77 && first !== 0x65) return 0; // info, warning, error
    while (i < end && isLower(bytes[i] as number)) i++;
    for (const byte of MESSAGE_KEY) if (bytes[i++] !== byte) return 0;
    if (i > end) return 0;
    this.timeStart = at + 6;
    this.timeEnd = quoteEnd;
    return i;
  }
}

const LEVEL_KEY = [..." level="].map((char) => char.charCodeAt(0));
const MESSAGE_KEY = [..." msg="].map((char) => char.charCodeAt(0));

/** Nothing in the range makes the line another shape, an event, or a setting. */
function isPlain(
  bytes: Uint8Array,
  start: number,
  end: number,
  known: { readonly isLogrus: boolean; readonly mayDate: boolean },
): boolean {
  for (let i = start; i < end; i++) {
    const found = LOOKED_AT[bytes[i] as number] as number;
    if (found !== 0 && isTelling(bytes, i, found, known)) return false;
  }
  return true;
}

function isTelling(
  bytes: Uint8Array,
  i: number,
  found: number,
  known: { readonly isLogrus: boolean; readonly mayDate: boolean },
): boolean {
  const next = bytes[i + 1] as number;
  const before = bytes[i - 1] as number;
  switch (found) {
    case QUOTE: // "msg", "level", time="
      if (next === 0x6d) return bytes[i + 2] === 0x73;
      if (next === 0x6c) return bytes[i + 2] === 0x65;
      return before === 0x3d && bytes[i - 2] === 0x65 && bytes[i - 3] === 0x6d && !known.isLogrus;
    case 0x5f: // WARM_IP_TARGET
      return isUpper(before);
    case 0x5b: // [DEBUG]
      return isUpper(next) && isUpper(bytes[i + 2] as number);
    case 0x2d: // 2024-03-01
      return !known.mayDate && bytes[i + 3] === 0x2d && isDigit(before) && isDigit(next);
    case 0x3d: // subsys=
      return before === 0x73 && bytes[i - 2] === 0x79;
    case 0x5c: // \/ stands for a character of the texts that are sought
      return next === 0x2f;
    case 0x78: // sandbox, in any case
    case 0x58:
      return !known.isLogrus && (before | 32) === 0x6f && ((bytes[i - 2] as number) | 32) === 0x62;
    case 0x57: // Warning
      return !known.isLogrus && next === 0x61 && bytes[i + 2] === 0x72;
    case 0x4e: // Normal
      return !known.isLogrus && next === 0x6f && bytes[i + 2] === 0x72;
    case 0x67: // assign an IP address, in any case
    case 0x47:
      return !known.isLogrus && (next | 32) === 0x6e && (before | 32) === 0x69 && bytes[i + 2] === BLANK;
    default:
      return true;
  }
}

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;
const isUpper = (byte: number): boolean => byte >= 0x41 && byte <= 0x5a;
const isLower = (byte: number): boolean => byte >= 0x61 && byte <= 0x7a;
/** A word's character, a point or a hyphen. */
const isOfName = (byte: number): boolean =>
  isLower(byte) || isDigit(byte) || isUpper(byte) || byte === 0x2d || byte === 0x2e || byte === 0x5f;

/** The number of two digits; 99 where there are none. */
function two(bytes: Uint8Array, at: number): number {
  const tens = (bytes[at] as number) - 48;
  const ones = (bytes[at + 1] as number) - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : 99;
}

function isClock(bytes: Uint8Array, at: number): boolean {
  return (
    two(bytes, at) < 24 &&
    bytes[at + 2] === COLON &&
    two(bytes, at + 3) < 60 &&
    bytes[at + 5] === COLON &&
    two(bytes, at + 6) < 60
  );
}

/** `Jan  2 03:04:05` */
function isDayAndTime(bytes: Uint8Array, at: number): boolean {
  if (!isUpper(bytes[at] as number) || !isLower(bytes[at + 1] as number) || !isLower(bytes[at + 2] as number))
    return false;
  const tens = bytes[at + 4] as number;
  return (
    bytes[at + 3] === BLANK &&
    (tens === BLANK || isDigit(tens)) &&
    isDigit(bytes[at + 5] as number) &&
    bytes[at + 6] === BLANK &&
    isClock(bytes, at + 7)
  );
}

/** Behind an RFC 3339 time with a zone, of a day that every month has; else 0. */
function timeEnd(bytes: Uint8Array, at: number, end: number): number {
  const month = two(bytes, at + 5);
  const day = two(bytes, at + 8);
  if (two(bytes, at) !== 20 || two(bytes, at + 2) === 99 || bytes[at + 4] !== 0x2d || bytes[at + 7] !== 0x2d) return 0;
  if (month < 1 || month > 12 || day < 1 || day > 28 || bytes[at + 10] !== 0x54 || !isClock(bytes, at + 11)) return 0;
  let i = at + 19;
  if (bytes[i] === 0x2e) {
    const first = ++i;
    while (i < end && isDigit(bytes[i] as number)) i++;
    if (i === first || i - first > 9) return 0;
  }
  if (bytes[i] === 0x5a) return i + 1;
  if (bytes[i] !== 0x2b && bytes[i] !== 0x2d) return 0;
  const minute = bytes[i + 3] === COLON ? i + 4 : i + 3;
  return two(bytes, i + 1) < 15 && two(bytes, minute) < 60 ? minute + 2 : 0;
}

/** Behind `host program[12]: `; else 0. */
function afterProgram(bytes: Uint8Array, at: number, end: number): number {
  let i = nameEnd(bytes, at, end);
  if (i === at || bytes[i] !== BLANK) return 0;
  const program = ++i;
  i = nameEnd(bytes, i, end);
  if (i === program) return 0;
  if (bytes[i] === 0x5b) {
    const first = ++i;
    while (i < end && isDigit(bytes[i] as number)) i++;
    if (i === first || bytes[i++] !== 0x5d) return 0;
  }
  return bytes[i] === COLON && bytes[i + 1] === BLANK && i + 2 <= end ? i + 2 : 0;
}

function nameEnd(bytes: Uint8Array, at: number, end: number): number {
  let i = at;
  while (i < end && isOfName(bytes[i] as number)) i++;
  return i;
}

/** `I0102 03:04:05.678901    1234 file.go:12] ` */
function isKlog(bytes: Uint8Array, at: number, end: number): boolean {
  const level = bytes[at] as number;
  if (level !== 0x49 && level !== 0x57 && level !== 0x45 && level !== 0x46) return false;
  if (two(bytes, at + 1) === 99 || two(bytes, at + 3) === 99 || bytes[at + 5] !== BLANK || !isClock(bytes, at + 6))
    return false;
  if (bytes[at + 14] !== 0x2e) return false;
  let i = at + 15;
  const from = (first: number, isWanted: (byte: number) => boolean): boolean => {
    i = first;
    while (i < end && isWanted(bytes[i] as number)) i++;
    return i > first;
  };
  return (
    from(i, isDigit) &&
    from(i, (byte) => byte === BLANK) &&
    from(i, isDigit) &&
    bytes[i] === BLANK &&
    from(i + 1, isOfName) &&
    bytes[i] === COLON &&
    from(i + 1, isDigit) &&
    bytes[i] === 0x5d &&
    i < end
  );
}
