// Pages of describe calls. A token carries the page size and where to go on, and is bound to the query it came from: the same
// action and parameters (ec2-vpc.md 6.4).

import { refuse } from "../model/refusal.ts";
import type { World } from "../model/world.ts";
import type { Params } from "./params.ts";

export interface PageRequest {
  readonly maxResults: number | undefined;
  readonly after: Token | undefined;
  readonly queryHash: string;
}

interface Token {
  readonly pageSize: number;
  /** Serial of the last item of the page before. */
  readonly serial: number;
}

/** Reads MaxResults and NextToken. `all`: every parameter of the call, to bind tokens to it. */
export function readPage(
  params: Params,
  all: ReadonlyMap<string, string>,
  options: { readonly min: number; readonly max: number; readonly idsName?: string; readonly idCount?: number },
): PageRequest {
  const maxResults = params.integer("MaxResults");
  const nextToken = params.text("NextToken");
  if (maxResults !== undefined) {
    const wrong = `Value ( ${maxResults} ) for parameter maxResults is invalid.`;
    if (maxResults < options.min) {
      refuse("InvalidParameterValue", `${wrong} Expecting a value greater than ${options.min}.`);
    }
    if (maxResults > options.max)
      refuse("InvalidParameterValue", `${wrong} Expecting a value less than ${options.max}.`);
    if ((options.idCount ?? 0) > 0) {
      refuse(
        "InvalidParameterCombination",
        `The parameter ${options.idsName ?? "ids"} cannot be used with the parameter maxResults`,
      );
    }
  }
  const queryHash = hashOf(all);
  return { maxResults, after: nextToken === undefined ? undefined : readToken(nextToken, queryHash), queryHash };
}

/** One page of `items`, which come in ascending order of serial, and the token of the next one. */
export function pageOf<T>(
  world: World,
  items: Iterable<T>,
  serialOf: (item: T) => number,
  page: PageRequest,
): { readonly items: T[]; readonly nextToken: string | undefined } {
  const size = page.maxResults ?? page.after?.pageSize ?? world.knobs.defaultPageSize;
  const start = page.after?.serial ?? -1;
  const found: T[] = [];
  for (const item of items) {
    if (serialOf(item) <= start) continue;
    if (found.length === size) {
      const last = found[size - 1] as T;
      return { items: found, nextToken: writeToken({ pageSize: size, serial: serialOf(last) }, page.queryHash) };
    }
    found.push(item);
  }
  return { items: found, nextToken: undefined };
}

function writeToken(token: Token, queryHash: string): string {
  const body = `${token.pageSize.toString(36)}-${token.serial.toString(36)}-${queryHash}`;
  return `t-${body}-${hash(body)}`;
}

function readToken(text: string, queryHash: string): Token {
  const match = /^t-(([0-9a-z]{1,8})-([0-9a-z]{1,11})-([0-9a-f]{8}))-([0-9a-f]{8})$/.exec(text);
  const isOurs = match !== null && hash(match[1] ?? "") === match[5] && match[4] === queryHash;
  if (!isOurs) refuse("InvalidNextToken", "The token is not valid for this request.");
  return { pageSize: Number.parseInt(match[2] ?? "", 36), serial: Number.parseInt(match[3] ?? "", 36) };
}

/** Of what selects the items, not of how many come at a time. */
function hashOf(all: ReadonlyMap<string, string>): string {
  const selecting = [...all].filter(([name]) => name !== "MaxResults" && name !== "NextToken" && name !== "DryRun");
  selecting.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
  return hash(selecting.map(([name, value]) => `${name}=${value}`).join("&"));
}

/** FNV-1a, 32 bits. */
function hash(text: string): string {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return (value >>> 0).toString(16).padStart(8, "0");
}
