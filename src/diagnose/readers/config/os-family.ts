// The operating system of a node by what tools call their images.

import type { Located, OsFamily } from "../../facts/model.ts";
import type { Placed } from "../placed.ts";

/** ami_type of node groups, amiFamily of eksctl and Karpenter, alias of Karpenter; undefined for what names no system. */
export function osFamilyOf(name: string): OsFamily | undefined {
  const flat = name.toLowerCase().replace(/[^a-z0-9]/g, "");
  if (/^(?:al2023|amazonlinux2023)/.test(flat)) return "al2023";
  if (/^(?:al2|amazonlinux2)/.test(flat)) return "al2";
  if (flat.startsWith("bottlerocket")) return "bottlerocket";
  if (flat.startsWith("windows")) return "windows";
  if (flat.startsWith("ubuntu")) return "ubuntu";
  return undefined;
}

export function locatedOsFamily(value: Placed): Located<OsFamily> | undefined {
  const family = osFamilyOf(value.text ?? "");
  return family === undefined ? undefined : value.located(family);
}
