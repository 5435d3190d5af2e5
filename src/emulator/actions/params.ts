// Flattened Query parameters, read by name: texts, numbers, booleans, lists (`Name.N`) and structures (`Name.N.Field`). What an
// action does not ask for is an UnknownParameter; numbering may have gaps.

import { formatIpv4, type Ipv4, isCanonicalCidr, parseCidr, parseIpv4 } from "../../base/ipv4.ts";
import type { PreparedCall } from "../model/action.ts";
import { isWellFormedId } from "../model/ids.ts";
import type { Tags } from "../model/records.ts";
import { refuse } from "../model/refusal.ts";

/** Tags of one resource (EC2 guide, "Tag restrictions", read 2026-08). */
export const TAGS_MAX = 50;
const TAG_KEY_MAX = 128;
const TAG_VALUE_MAX = 256;

export class Params {
  readonly #all: ReadonlyMap<string, string>;
  /** Empty, or the structure's name with a dot. */
  readonly #prefix: string;
  readonly #asked: Set<string>;

  constructor(all: ReadonlyMap<string, string>, prefix = "", asked: Set<string> = new Set()) {
    this.#all = all;
    this.#prefix = prefix;
    this.#asked = asked;
  }

  text(name: string): string | undefined {
    const full = this.#prefix + name;
    const value = this.#all.get(full);
    if (value !== undefined) this.#asked.add(full);
    return value;
  }

  required(name: string): string {
    const value = this.text(name);
    if (value === undefined || value === "") {
      return refuse("MissingParameter", `The request must contain the parameter ${lowerFirst(this.#prefix + name)}`);
    }
    return value;
  }

  boolean(name: string): boolean | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const lower = value.toLowerCase();
    if (lower === "true") return true;
    if (lower === "false") return false;
    return this.#invalid(name, value);
  }

  integer(name: string): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    if (!/^-?\d{1,9}$/.test(value)) return this.#invalid(name, value);
    return Number(value);
  }

  /** A count of things to assign: 0 counts as left out when `mayBeZero`. */
  count(name: string, options: { readonly mayBeZero: boolean }): number | undefined {
    const value = this.integer(name);
    if (value === undefined || (value === 0 && options.mayBeZero)) return undefined;
    if (value <= 0) return this.#invalid(name, String(value));
    return value;
  }

  oneOf<const T extends string>(name: string, values: readonly T[]): T | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    return values.find((known) => known === value) ?? this.#invalid(name, value);
  }

  /** The values of `Name.1`, `Name.2` ... in order of their numbers. */
  list(name: string): string[] {
    const found: { readonly number: number; readonly value: string }[] = [];
    const start = `${this.#prefix}${name}.`;
    for (const [key, value] of this.#all) {
      if (!key.startsWith(start) || !/^\d{1,9}$/.test(key.slice(start.length))) continue;
      this.#asked.add(key);
      found.push({ number: Number(key.slice(start.length)), value });
    }
    return found.sort((a, b) => a.number - b.number).map((entry) => entry.value);
  }

  /** Readers of `Name.1.*`, `Name.2.*` ... in order of their numbers. */
  structures(name: string): Params[] {
    const start = `${this.#prefix}${name}.`;
    const numbers = new Set<string>();
    for (const key of this.#all.keys()) {
      if (!key.startsWith(start)) continue;
      const dot = key.indexOf(".", start.length);
      const number = dot < 0 ? "" : key.slice(start.length, dot);
      if (/^\d{1,9}$/.test(number)) numbers.add(number);
    }
    return [...numbers]
      .sort((a, b) => Number(a) - Number(b))
      .map((number) => new Params(this.#all, `${start}${number}.`, this.#asked));
  }

  /** A reader of `Name.*`. */
  structure(name: string): Params {
    return new Params(this.#all, `${this.#prefix}${name}.`, this.#asked);
  }

  /** The structure has at least one field. */
  get isPresent(): boolean {
    for (const key of this.#all.keys()) if (key.startsWith(this.#prefix)) return true;
    return false;
  }

  /** Takes every parameter below `name` without reading it. */
  ignore(name: string): void {
    const full = this.#prefix + name;
    for (const key of this.#all.keys()) if (key === full || key.startsWith(`${full}.`)) this.#asked.add(key);
  }

  address(name: string): Ipv4 | undefined {
    const value = this.text(name);
    return value === undefined ? undefined : parseAddress(value);
  }

  /** Refuses what nobody asked for. To be called after the last read. */
  finish(): void {
    if (this.#asked.size === this.#all.size) return;
    for (const key of this.#all.keys()) {
      if (!this.#asked.has(key)) refuse("UnknownParameter", `The parameter ${key} is not recognized`);
    }
  }

  #invalid(name: string, value: string): never {
    refuse("InvalidParameterValue", `Value (${value}) for parameter ${lowerFirst(this.#prefix + name)} is invalid.`);
  }
}

export function parseAddress(text: string): Ipv4 {
  return parseIpv4(text) ?? refuse("InvalidParameterValue", `invalid value for parameter address: ${text}`);
}

/** A /28 with its host bits clear. */
export function parsePrefix(text: string): Ipv4 {
  const cidr = isCanonicalCidr(text) ? parseCidr(text) : undefined;
  if (cidr?.prefixLength !== 28) {
    const aligned = parseCidr(text);
    const hint = aligned?.prefixLength === 28 ? ` It is not aligned: ${formatIpv4(aligned.base)}/28 would be.` : "";
    return refuse("InvalidParameterValue", `invalid value for parameter ipv4Prefix: ${text}.${hint}`);
  }
  return cidr.base;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** Codes for a syntactically wrong id, by prefix (EC2 error list, read 2026-08). */
const MALFORMED: ReadonlyMap<string, string> = new Map([
  ["eni", "InvalidNetworkInterfaceId.Malformed"],
  ["eni-attach", "InvalidNetworkInterfaceAttachmentId.Malformed"],
  ["subnet", "InvalidSubnetID.Malformed"],
  ["vpc", "InvalidVpcID.Malformed"],
  ["sg", "InvalidGroupId.Malformed"],
  ["i", "InvalidInstanceID.Malformed"],
  ["scr", "InvalidSubnetCidrReservationID.Malformed"],
  ["vpc-cidr-assoc", "InvalidVpcCidrBlockAssociationID.Malformed"],
  ["trunk-assoc", "InvalidAssociationID.Malformed"],
]);

/**
 * Refuses an id that cannot be one. Ids of a described world may be any word after the prefix (`subnet-a`), so only the prefix
 * and the characters count here; what looks like an id and is none ends as NotFound.
 */
export function checkId(prefix: string, id: string): string {
  const isWord = id.startsWith(`${prefix}-`) && /^[a-z0-9][a-z0-9-]*$/i.test(id.slice(prefix.length + 1));
  if (isWord || isWellFormedId(prefix, id)) return id;
  const code = MALFORMED.get(prefix) ?? "InvalidParameterValue";
  return refuse(code, `Invalid id: "${id}" (expecting "${prefix}-...")`);
}

/** Tags of `TagSpecification.N` for the type being created. */
export function tagSpecifications(params: Params, resourceType: string): Tags {
  const tags = new Map<string, string>();
  for (const specification of params.structures("TagSpecification")) {
    const type = specification.text("ResourceType");
    if (type !== resourceType) {
      refuse("InvalidParameterValue", `'${type ?? ""}' is not a valid taggable resource type for this operation.`);
    }
    for (const [key, value] of readTags(specification)) tags.set(key, value ?? "");
  }
  if (tags.size > TAGS_MAX) refuse("TagLimitExceeded", `The maximum number of Tags for a resource is ${TAGS_MAX}.`);
  return tags;
}

/** `Tag.N.Key` and `Tag.N.Value`; the value is undefined when the element is missing. */
export function readTags(params: Params): [string, string | undefined][] {
  const seen = new Set<string>();
  return params.structures("Tag").map((tag) => {
    const key = tag.text("Key");
    const value = tag.text("Value");
    if (key === undefined || key === "")
      return refuse("MissingParameter", "The request must contain the parameter tag key");
    if (seen.has(key)) refuse("InvalidParameterValue", `Duplicate tag key '${key}' specified.`);
    seen.add(key);
    if (key.length > TAG_KEY_MAX) {
      refuse("InvalidParameterValue", `Tag key exceeds the maximum length of ${TAG_KEY_MAX} characters`);
    }
    if (key.toLowerCase().startsWith("aws:")) {
      refuse("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use");
    }
    if (value !== undefined && value.length > TAG_VALUE_MAX) {
      refuse("InvalidParameterValue", `Tag value exceeds the maximum length of ${TAG_VALUE_MAX} characters`);
    }
    return [key, value];
  });
}

/** The token, at most 64 ASCII characters (EC2 guide, "Ensuring idempotency", read 2026-08). */
export function clientToken(params: Params): string | undefined {
  const token = params.text("ClientToken");
  if (token === undefined || token === "") return undefined;
  if (token.length > 64 || !/^[\x20-\x7e]+$/.test(token)) {
    refuse("InvalidParameterValue", "The client token must be at most 64 ASCII characters long.");
  }
  return token;
}

/** Reads DryRun, refuses unknown parameters, and makes the prepared call. To be the last thing in `prepare`. */
export function prepared(
  params: Params,
  run: PreparedCall["run"],
  options: { readonly clientToken?: string | undefined; readonly resourceCount?: number } = {},
): PreparedCall {
  const isDryRun = params.boolean("DryRun") ?? false;
  params.finish();
  return { isDryRun, clientToken: options.clientToken, resourceCount: options.resourceCount ?? 1, run };
}
