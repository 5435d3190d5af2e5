// Bytes of netlink: messages of a header and attributes, all aligned to four bytes, numbers in the order of the machine. Every
// machine we run on (x86-64, arm64) is little-endian; IPv4 addresses are big-endian everywhere.

import { assert } from "../base/assert.ts";
import type { Ipv4 } from "../base/ipv4.ts";
import { EINVAL } from "./errno.ts";
import { KernelError } from "./kernel.ts";
import type { Mac } from "./types.ts";

export const HEADER_LENGTH = 16;
const ATTRIBUTE_HEADER_LENGTH = 4;
/** The two upper bits of an attribute's type are flags (nested, byte order). */
const ATTRIBUTE_TYPE_MASK = 0x3fff;

function aligned(length: number): number {
  return (length + 3) & ~3;
}

/** Writes messages one after the other into one datagram. */
export class MessageWriter {
  #bytes = new Uint8Array(1_024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** One message; its length is known when `body` has written the rest. */
  message(header: { type: number; flags: number; sequence: number }, body: () => void): void {
    const start = this.#length;
    this.u32(0);
    this.u16(header.type);
    this.u16(header.flags);
    this.u32(header.sequence);
    this.u32(0);
    body();
    this.#view.setUint32(start, this.#length - start, true);
    this.#align();
  }

  attribute(type: number, body: () => void): void {
    const start = this.#length;
    this.u16(0);
    this.u16(type);
    body();
    const length = this.#length - start;
    assert(length <= 0xffff, `netlink: attribute ${type} fits its 16 bit length`);
    this.#view.setUint16(start, length, true);
    this.#align();
  }

  u8(value: number): void {
    const at = this.#take(1);
    this.#view.setUint8(at, value);
  }

  u16(value: number): void {
    const at = this.#take(2);
    this.#view.setUint16(at, value, true);
  }

  u32(value: number): void {
    const at = this.#take(4);
    this.#view.setUint32(at, value, true);
  }

  /** `count` bytes of zero. */
  zeros(count: number): void {
    this.#take(count);
  }

  attributeU16(type: number, value: number): void {
    this.attribute(type, () => this.u16(value));
  }

  attributeU32(type: number, value: number): void {
    this.attribute(type, () => this.u32(value));
  }

  attributeIpv4(type: number, address: Ipv4): void {
    this.attribute(type, () => {
      const at = this.#take(4);
      this.#view.setUint32(at, address, false);
    });
  }

  attributeMac(type: number, mac: Mac): void {
    const octets = parseMac(mac);
    this.attribute(type, () => this.#put(octets));
  }

  /** Ends in a zero byte, as names do. */
  attributeName(type: number, name: string): void {
    const bytes = encodeUtf8(name);
    if (bytes.includes(0))
      throw new KernelError(`"${name.replaceAll("\0", "\\0")}" has a zero character: no name may`, EINVAL);
    this.attribute(type, () => {
      this.#put(bytes);
      this.u8(0);
    });
  }

  /** Without a zero byte at its end. */
  attributeText(type: number, text: string): void {
    this.attribute(type, () => this.#put(encodeUtf8(text)));
  }

  /** Everything written so far; later writes do not change it. */
  datagram(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #put(bytes: Uint8Array): void {
    const start = this.#take(bytes.length);
    this.#bytes.set(bytes, start);
  }

  #align(): void {
    this.zeros(aligned(this.#length) - this.#length);
  }

  /** Where the next `count` bytes go. What was read of `#view` before this call may be out of date after it. */
  #take(count: number): number {
    const start = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return start;
  }
}

export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** What follows the header. */
  readonly body: Uint8Array;
}

/** The messages of one datagram. Throws `KernelError` when one's length is not that of its bytes. */
export function messagesOf(datagram: Uint8Array): Message[] {
  const fields = new Fields(datagram);
  const messages: Message[] = [];
  for (let offset = 0; offset < datagram.length; ) {
    const rest = datagram.length - offset;
    const length = rest < HEADER_LENGTH ? rest : fields.u32(offset);
    if (length < HEADER_LENGTH || length > rest)
      throw new KernelError(`netlink: a message of ${length} bytes where ${rest} are left in its datagram`, 0);
    messages.push({
      type: fields.u16(offset + 4),
      flags: fields.u16(offset + 6),
      sequence: fields.u32(offset + 8),
      body: datagram.subarray(offset + HEADER_LENGTH, offset + length),
    });
    offset += aligned(length);
  }
  return messages;
}

/** A fixed header and the attributes behind it, read with bounds: what is too short throws `KernelError`. */
export class Fields {
  readonly #whole: Uint8Array;
  readonly #start: number;
  readonly #end: number;

  /** Of `whole` what lies from `start` to `end`: a list has ten thousand attributes, and a view of bytes costs more than an object. */
  constructor(whole: Uint8Array, start = 0, end = whole.length) {
    this.#whole = whole;
    this.#start = start;
    this.#end = end;
  }

  get bytes(): Uint8Array {
    return this.#whole.subarray(this.#start, this.#end);
  }

  u8(offset = 0): number {
    return this.#byte(offset);
  }

  u16(offset = 0): number {
    return this.#byte(offset) | (this.#byte(offset + 1) << 8);
  }

  u32(offset = 0): number {
    return this.i32(offset) >>> 0;
  }

  i32(offset = 0): number {
    return this.u16(offset) | (this.u16(offset + 2) << 16);
  }

  ipv4(offset = 0): Ipv4 {
    return (
      ((this.#byte(offset) << 24) |
        (this.#byte(offset + 1) << 16) |
        (this.u8(offset + 2) << 8) |
        this.u8(offset + 3)) >>>
      0
    );
  }

  /** Empty when the address is not of Ethernet's length: a tunnel's, say. */
  mac(): Mac {
    if (this.#end - this.#start !== 6) return "";
    let text = "";
    for (let i = 0; i < 6; i++) {
      const octet = this.#byte(i);
      text += `${i === 0 ? "" : ":"}${octet < 16 ? "0" : ""}${octet.toString(16)}`;
    }
    return text;
  }

  /** Up to the first zero byte. */
  text(): string {
    const { bytes } = this;
    const end = bytes.indexOf(0);
    return decodeUtf8(end < 0 ? bytes : bytes.subarray(0, end));
  }

  /** The attributes from `start` on, all or the wanted ones, by type; of two of one type the later counts, as in the kernel. */
  attributes(start = 0, wanted?: ReadonlySet<number>): ReadonlyMap<number, Fields> {
    const found = new Map<number, Fields>();
    this.#walk(start, (type, offset, length) => {
      if (wanted?.has(type) === false) return;
      const at = this.#start + offset;
      found.set(type, new Fields(this.#whole, at, at + length));
    });
    return found;
  }

  /** Where the attribute's value begins; -1 when it is not there. */
  find(wanted: number, start: number): number {
    let found = -1;
    this.#walk(start, (type, offset) => {
      if (type === wanted) found = offset;
    });
    return found;
  }

  #walk(start: number, visit: (type: number, offset: number, length: number) => void): void {
    const end = this.#end - this.#start;
    if (start > end) throw new KernelError(`netlink: ${start} bytes were expected and ${end} came`, 0);
    for (let offset = start; end - offset >= ATTRIBUTE_HEADER_LENGTH; ) {
      const length = this.u16(offset);
      const type = this.u16(offset + 2) & ATTRIBUTE_TYPE_MASK;
      if (length < ATTRIBUTE_HEADER_LENGTH || length > end - offset)
        throw new KernelError(`netlink: attribute ${type} of ${length} bytes where ${end - offset} are left`, 0);
      visit(type, offset + ATTRIBUTE_HEADER_LENGTH, length - ATTRIBUTE_HEADER_LENGTH);
      offset += aligned(length);
    }
  }

  #byte(offset: number): number {
    const at = this.#start + offset;
    const byte = at < this.#end ? this.#whole[at] : undefined;
    if (byte === undefined)
      throw new KernelError(`netlink: ${offset + 1} bytes were expected and ${this.#end - this.#start} came`, 0);
    return byte;
  }
}

function parseMac(mac: Mac): Uint8Array {
  if (!/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i.test(mac))
    throw new KernelError(`"${mac}" is no MAC address: six hex pairs with colons are`, EINVAL);
  return Uint8Array.from(mac.split(":"), (octet) => Number.parseInt(octet, 16));
}

export function encodeUtf8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const point = character.codePointAt(0)!;
    const code = point >= 0xd800 && point <= 0xdfff ? 0xfffd : point;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    else bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
  }
  return Uint8Array.from(bytes);
}

/** Bytes that are not UTF-8 are read as Latin-1: a link's name may be any bytes, and must not stop a list of links. */
export function decodeUtf8(bytes: Uint8Array): string {
  let latin = "";
  let isAscii = true;
  for (const byte of bytes) {
    latin += String.fromCharCode(byte);
    if (byte >= 0x80) isAscii = false;
  }
  if (isAscii) return latin;
  try {
    return decodeURIComponent(Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""));
  } catch {
    return latin;
  }
}
