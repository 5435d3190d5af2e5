// The functions of Terraform that configuration of nodes and add-ons is written with. What is not here cannot be told.

import { cidrOf, cidrSize, formatCidr, parseCidr } from "../../../../base/ipv4.ts";
import type { HclNode } from "./hcl-tree.ts";
import { type HclChild, type HclValue, isKnown, unknownValue } from "./hcl-values.ts";

type HclFunction = (args: readonly HclValue[], node: HclNode) => HclValue | undefined;

/** The value of a call; unknown where the function or an argument is. */
export function callFunction(name: string, args: readonly HclValue[], node: HclNode): HclValue {
  const found = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
  return found?.(args, node) ?? unknownValue(node);
}

const same: HclFunction = ([value]) => value;

const encode: HclFunction = ([value], node) => (value === undefined ? undefined : { node, encoded: value });

const FUNCTIONS: Readonly<Record<string, HclFunction>> = {
  base64encode: same,
  chomp: same,
  nonsensitive: same,
  sensitive: same,
  tolist: same,
  tomap: same,
  toset: same,
  trimspace: same,
  flatten: ([value], node) => {
    if (value?.list === undefined || value.list.some((child) => !isKnown(child.value))) return undefined;
    return { node, list: value.list.flatMap((child) => child.value.list ?? [child]) };
  },
  jsonencode: encode,
  yamlencode: encode,
  jsondecode: ([value]) => value?.encoded,
  yamldecode: ([value]) => value?.encoded,
  tostring: ([value], node) => {
    const { scalar } = value ?? {};
    return scalar === undefined || scalar === null ? undefined : { node, scalar: String(scalar), isReferred: true };
  },
  tonumber: ([value], node) => {
    const number = Number(value?.scalar ?? Number.NaN);
    return Number.isFinite(number) ? { node, scalar: number, isReferred: true } : undefined;
  },
  tobool: ([value], node) => {
    const text = String(value?.scalar);
    return text === "true" || text === "false" ? { node, scalar: text === "true", isReferred: true } : undefined;
  },
  merge(args, node) {
    const map = new Map<string, HclChild>();
    for (const argument of args) {
      if (argument.map === undefined) return undefined;
      for (const [key, child] of argument.map) map.set(key, child);
    }
    return { node, map };
  },
  concat(args, node) {
    if (args.some((argument) => argument.list === undefined)) return undefined;
    return { node, list: args.flatMap((argument) => argument.list ?? []) };
  },
  coalesce: (args) => {
    for (const argument of args) {
      if (!isKnown(argument)) return undefined;
      if (argument.scalar !== null && argument.scalar !== "") return argument;
    }
    return undefined;
  },
  join([separator, list], node) {
    const texts = list?.list?.map((child) => child.value.scalar);
    if (typeof separator?.scalar !== "string" || texts === undefined) return undefined;
    if (texts.some((text) => text === undefined || text === null)) return undefined;
    return { node, scalar: texts.map(String).join(separator.scalar), isReferred: true };
  },
  element([list, index]) {
    const items = list?.list;
    const at = index?.scalar;
    return items === undefined || items.length === 0 || typeof at !== "number"
      ? undefined
      : items[((at % items.length) + items.length) % items.length]?.value;
  },
  cidrsubnet([base, bits, index], node) {
    const cidr = typeof base?.scalar === "string" ? parseCidr(base.scalar) : undefined;
    const [added, number] = [bits?.scalar, index?.scalar];
    if (cidr === undefined || typeof added !== "number" || typeof number !== "number") return undefined;
    const prefixLength = cidr.prefixLength + added;
    if (added < 0 || prefixLength > 32 || number < 0 || number >= 2 ** added) return undefined;
    const address = cidr.base + number * cidrSize(prefixLength);
    return { node, scalar: formatCidr(cidrOf(address, prefixLength)), isReferred: true };
  },
};
