// The EC2 Query protocol, outwards: a reply as an XML document without indentation. Lists are elements of `<item>`s, and an
// empty list stays as an empty element: clients read an absent one as "not said".
//
// Written straight into bytes: a page of 1,000 ENIs can be nine million characters, and joining that many strings takes twice
// the time and leaves their pieces to the collector.

import { type ActReply, AddressItem, type ReplyTree, type ReplyValue } from "../model/index.ts";

const NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/";
const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>';

export interface WireReply {
  readonly httpStatus: number;
  /** UTF-8. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** What of an answer goes onto the wire. */
export interface Answer {
  readonly action: string;
  readonly requestId: string;
  readonly reply: ActReply;
}

export function encodeReply(answer: Answer): WireReply {
  const { action, requestId, reply } = answer;
  const xml = new XmlBytes();
  xml.ascii(DECLARATION);
  if (reply.kind === "error") {
    xml.ascii("\n<Response><Errors><Error>");
    xml.element("Code", reply.code);
    xml.element("Message", reply.message);
    xml.ascii("</Error></Errors>");
    xml.element("RequestID", requestId);
    xml.ascii("</Response>");
    return { httpStatus: reply.httpStatus, body: xml.bytes() };
  }
  xml.ascii(`\n<${action}Response xmlns="${NAMESPACE}">`);
  xml.element("requestId", requestId);
  xml.fields(reply.tree);
  xml.ascii(`</${action}Response>`);
  return { httpStatus: 200, body: xml.bytes() };
}

const SCRATCH_BYTES_MAX = 32 * 1024 * 1024;
const LESS = 0x3c;
const GREATER = 0x3e;
const SLASH = 0x2f;
const DOT = 0x2e;
const DASH = 0x2d;
const ZERO = 0x30;

/** Kept from reply to reply: growing to nine megabytes anew costs as much as filling them. */
let scratch = new Uint8Array(64 * 1024);

class XmlBytes {
  #bytes = scratch;
  #length = 0;

  /** A copy of its own; the writer is done with. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  fields(tree: ReplyTree): void {
    for (const name in tree) this.element(name, tree[name]);
  }

  element(name: string, value: ReplyValue): void {
    if (value === undefined) return;
    if (value === "" || (typeof value === "object" && isList(value) && value.length === 0)) {
      this.ascii(`<${name}/>`);
      return;
    }
    this.#tag(name, false);
    if (typeof value === "string") this.#text(value);
    else if (typeof value !== "object") this.ascii(String(value));
    else if (value instanceof AddressItem) this.#address(value);
    else if (!isList(value)) this.fields(value);
    else for (const item of value) this.element("item", item);
    this.#tag(name, true);
  }

  /** Text of our own making: ASCII with nothing to escape. */
  ascii(text: string): void {
    this.#makeRoom(text.length);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
    this.#length = at;
  }

  #tag(name: string, isEnd: boolean): void {
    this.#makeRoom(name.length + 3);
    const bytes = this.#bytes;
    let at = this.#length;
    bytes[at++] = LESS;
    if (isEnd) bytes[at++] = SLASH;
    for (let i = 0; i < name.length; i++) bytes[at++] = name.charCodeAt(i);
    bytes[at++] = GREATER;
    this.#length = at;
  }

  #address(item: AddressItem): void {
    this.#tag("privateIpAddress", false);
    this.#octets(item.address, DOT);
    this.#tag("privateIpAddress", true);
    this.#tag("privateDnsName", false);
    this.ascii("ip-");
    this.#octets(item.address, DASH);
    this.ascii(".");
    this.#text(item.domain);
    this.#tag("privateDnsName", true);
    this.element("primary", item.primary);
  }

  #octets(address: number, separator: number): void {
    this.#makeRoom(15);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let shift = 24; shift >= 0; shift -= 8) {
      const octet = (address >>> shift) & 255;
      if (octet >= 100) bytes[at++] = ZERO + Math.floor(octet / 100);
      if (octet >= 10) bytes[at++] = ZERO + (Math.floor(octet / 10) % 10);
      bytes[at++] = ZERO + (octet % 10);
      if (shift > 0) bytes[at++] = separator;
    }
    this.#length = at;
  }

  /** Text of any kind. Characters that XML 1.0 cannot carry become U+FFFD. */
  #text(text: string): void {
    // No character takes more than six bytes: "&quot;".
    this.#makeRoom(text.length * 6);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x20 && code < 0x80 && !isMarkup(code)) {
        bytes[at++] = code;
        continue;
      }
      const point = text.codePointAt(i) ?? 0;
      if (point > 0xffff) i++;
      at = putPoint(bytes, at, point);
    }
    this.#length = at;
  }

  #makeRoom(byteCount: number): void {
    const wanted = this.#length + byteCount;
    if (wanted <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(wanted, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    if (larger.length <= SCRATCH_BYTES_MAX) scratch = larger;
  }
}

function isList(value: ReplyTree | AddressItem | readonly ReplyValue[]): value is readonly ReplyValue[] {
  return Array.isArray(value);
}

function isMarkup(code: number): boolean {
  return code === 0x26 || code === LESS || code === GREATER || code === 0x22 || code === 0x27;
}

/** Writes one code point, escaped where XML needs it, and returns where the next one goes. */
function putPoint(bytes: Uint8Array, start: number, point: number): number {
  let at = start;
  const escaped = ESCAPES.get(point);
  if (escaped !== undefined) {
    for (let i = 0; i < escaped.length; i++) bytes[at++] = escaped.charCodeAt(i);
    return at;
  }
  const code = isXmlCharacter(point) ? point : 0xfffd;
  if (code < 0x80) {
    bytes[at++] = code;
  } else if (code < 0x800) {
    bytes[at++] = 0xc0 | (code >> 6);
    bytes[at++] = 0x80 | (code & 0x3f);
  } else if (code < 0x10000) {
    bytes[at++] = 0xe0 | (code >> 12);
    bytes[at++] = 0x80 | ((code >> 6) & 0x3f);
    bytes[at++] = 0x80 | (code & 0x3f);
  } else {
    bytes[at++] = 0xf0 | (code >> 18);
    bytes[at++] = 0x80 | ((code >> 12) & 0x3f);
    bytes[at++] = 0x80 | ((code >> 6) & 0x3f);
    bytes[at++] = 0x80 | (code & 0x3f);
  }
  return at;
}

/** A parser would turn a bare carriage return into a line feed. */
const ESCAPES: ReadonlyMap<number, string> = new Map([
  [0x26, "&amp;"],
  [LESS, "&lt;"],
  [GREATER, "&gt;"],
  [0x22, "&quot;"],
  [0x27, "&apos;"],
  [0x0d, "&#13;"],
]);

/** "Char" of XML 1.0, fifth edition. A lone surrogate is none. */
function isXmlCharacter(point: number): boolean {
  if (point < 0x20) return point === 0x09 || point === 0x0a;
  return (point < 0xd800 || point > 0xdfff) && point !== 0xfffe && point !== 0xffff;
}
