// IPv4 addresses and CIDR blocks as unsigned 32-bit integers. Parsers return undefined for anything but the canonical text.

/** An IPv4 address as an unsigned 32-bit integer: 10.0.0.1 is 0x0a000001. */
export type Ipv4 = number;

/** A block with its host bits cleared. `prefixLength` is 0 to 32. */
export interface Cidr {
  readonly base: Ipv4;
  readonly prefixLength: number;
}

/** Addresses of one delegated /28 prefix. */
export const ADDRESSES_PER_PREFIX = 16;
export const DELEGATED_PREFIX_LENGTH = 28;

/** The address that the dotted text means; undefined unless it is four decimal octets without leading zeros. */
export function parseIpv4(text: string): Ipv4 | undefined {
  let value = 0;
  let octet = -1;
  let dotCount = 0;
  let digitCount = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 46) {
      if (octet < 0 || dotCount === 3) return undefined;
      value = value * 256 + octet;
      octet = -1;
      digitCount = 0;
      dotCount++;
    } else if (code >= 48 && code <= 57) {
      if (octet === 0 || digitCount === 3) return undefined;
      octet = Math.max(octet, 0) * 10 + (code - 48);
      digitCount++;
      if (octet > 255) return undefined;
    } else return undefined;
  }
  if (dotCount !== 3 || octet < 0) return undefined;
  return value * 256 + octet;
}

export function formatIpv4(address: Ipv4): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** How many addresses a block of this length holds: 16 for 28. */
export function cidrSize(prefixLength: number): number {
  return 2 ** (32 - prefixLength);
}

/** The block's last address. */
export function cidrLast(cidr: Cidr): Ipv4 {
  return cidr.base + cidrSize(cidr.prefixLength) - 1;
}

export function cidrContains(cidr: Cidr, address: Ipv4): boolean {
  return address >= cidr.base && address <= cidrLast(cidr);
}

export function cidrsOverlap(a: Cidr, b: Cidr): boolean {
  return a.base <= cidrLast(b) && b.base <= cidrLast(a);
}

/** `inner` lies wholly inside `outer`. */
export function cidrWithin(inner: Cidr, outer: Cidr): boolean {
  return inner.base >= outer.base && cidrLast(inner) <= cidrLast(outer);
}

/** The block that contains `address`, host bits cleared. */
export function cidrOf(address: Ipv4, prefixLength: number): Cidr {
  const size = cidrSize(prefixLength);
  return { base: Math.floor(address / size) * size, prefixLength };
}

/** `a.b.c.d/n` with n from 0 to 32. Host bits are cleared, as EC2 does; use `isCanonicalCidr` where they must be zero. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const address = parseIpv4(text.slice(0, slash));
  const lengthText = text.slice(slash + 1);
  if (address === undefined || !/^(0|[1-9]\d?)$/.test(lengthText)) return undefined;
  const prefixLength = Number(lengthText);
  if (prefixLength > 32) return undefined;
  return cidrOf(address, prefixLength);
}

export function formatCidr(cidr: Cidr): string {
  return `${formatIpv4(cidr.base)}/${cidr.prefixLength}`;
}

/** The text is a CIDR whose host bits are all zero. */
export function isCanonicalCidr(text: string): boolean {
  const cidr = parseCidr(text);
  return cidr !== undefined && formatCidr(cidr) === text;
}
