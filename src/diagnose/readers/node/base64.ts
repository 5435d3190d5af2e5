// Base64 to bytes: pure folders have no atob.

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** undefined when the text is no base64. */
export function base64Bytes(text: string): readonly number[] | undefined {
  const body = text.replace(/=+$/, "");
  const bytes: number[] = [];
  let bits = 0;
  let bitCount = 0;
  for (const character of body) {
    const value = ALPHABET.indexOf(character);
    if (value === -1) return undefined;
    bits = ((bits << 6) | value) & 0xffff;
    bitCount += 6;
    if (bitCount >= 8) {
      bitCount -= 8;
      bytes.push((bits >> bitCount) & 0xff);
    }
  }
  return bytes;
}
