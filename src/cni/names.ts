// Which names pass, letter by letter: a regular expression takes longer to compile than the whole look at the environment takes.

/** Linux: IFNAMSIZ - 1. */
const LINK_NAME_BYTES_MAX = 15;
/** Linux: PATH_MAX without the closing zero. */
export const PATH_LENGTH_MAX = 4_095;
/** The longest that the agent takes. */
const CNI_NAME_LENGTH_MAX = 512;

/** Container ids and network names, by the CNI specification: letters, digits, and after the first also `_`, `.` and `-`. */
export function isCniName(text: string, lengthMax = CNI_NAME_LENGTH_MAX): boolean {
  if (text.length === 0 || text.length > lengthMax) return false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (isLetterOrDigit(code) || (i > 0 && isMark(code))) continue;
    return false;
  }
  return true;
}

/** A name that Linux takes for a link, and that is text. */
export function isLinkName(text: string): boolean {
  if (text === "" || text === "." || text === ".." || text.length > LINK_NAME_BYTES_MAX) return false;
  let isAscii = true;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (isControl(code) || isSpace(code) || code === SLASH || code === COLON || code === NO_TEXT) return false;
    if (code > 0x7f) isAscii = false;
  }
  return isAscii || new TextEncoder().encode(text).length <= LINK_NAME_BYTES_MAX;
}

/** One that the datapath makes, too: to the kernel `%` is a place to fill in. */
export function isNewLinkName(text: string): boolean {
  if (!isLinkName(text)) return false;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7e || text.charCodeAt(i) === PERCENT) return false;
  return true;
}

export function isAbsolutePath(text: string): boolean {
  if (text.charCodeAt(0) !== SLASH || text.length > PATH_LENGTH_MAX) return false;
  for (let i = 1; i < text.length; i++) if (isControl(text.charCodeAt(i))) return false;
  return true;
}

/** Letters, digits, `_`, `.` and `-`, at any place; one at least. */
export function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (!isLetterOrDigit(code) && !isMark(code)) return false;
  }
  return text !== "";
}

export function isHex(text: string, length: number): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (!isDigit(code) && !(code >= 97 && code <= 102)) return false;
  }
  return text.length === length;
}

/** Decimal digits alone; one at least. */
export function isDigits(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (!isDigit(text.charCodeAt(i))) return false;
  return text !== "";
}

const PERCENT = 37;
const SLASH = 47;
const COLON = 58;
/** What stands for bytes that are no text. */
const NO_TEXT = 0xfffd;

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function isLetterOrDigit(code: number): boolean {
  return isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
}

/** `-` `.` `_` */
function isMark(code: number): boolean {
  return code === 45 || code === 46 || code === 95;
}

/** Unicode's category Cc. */
function isControl(code: number): boolean {
  return code <= 0x1f || (code >= 0x7f && code <= 0x9f);
}

/** The spaces that are no control characters. */
function isSpace(code: number): boolean {
  return (
    code === 0x20 || code === 0xa0 || code === 0x1680 || (code >= 0x2000 && code <= 0x200a) || SPACES.includes(code)
  );
}

const SPACES: readonly number[] = [0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0xfeff];
