// Which instance types a Karpenter NodePool allows, by the requirements that can be judged from a type's name and limits. A
// requirement on anything else is passed over: the true set may be smaller, so rules say "allows", not "will start".

import { type InstanceTypeLimits, instanceTypes } from "../../catalog/instance-types.ts";
import type { Requirement } from "../facts/model.ts";

/** The types of the catalogue that meet every judged requirement; those of Karpenter's label names (v1.14). */
export function allowedTypes(requirements: readonly Requirement[]): InstanceTypeLimits[] {
  return instanceTypes().filter((type) => requirements.every((one) => isMet(type, one)));
}

function isMet(type: InstanceTypeLimits, requirement: Requirement): boolean {
  const value = labelOf(type, requirement.key);
  if (value === null) return true;
  const [wanted] = requirement.values;
  switch (requirement.operator) {
    case "In":
      return value !== undefined && requirement.values.includes(value);
    case "NotIn":
      return value === undefined || !requirement.values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
      return value !== undefined && Number(value) > Number(wanted);
    case "Lt":
      return value !== undefined && Number(value) < Number(wanted);
    default:
      return true;
  }
}

/** undefined: the type has no such label; null: the label cannot be judged from the catalogue. */
function labelOf(type: InstanceTypeLimits, key: string): string | undefined | null {
  const [family = "", size = ""] = type.instanceType.split(".");
  const name = /^([a-z]+?)(\d+)/.exec(family);
  switch (key) {
    case "node.kubernetes.io/instance-type":
      return type.instanceType;
    case "karpenter.k8s.aws/instance-family":
      return family;
    case "karpenter.k8s.aws/instance-size":
      return size;
    case "karpenter.k8s.aws/instance-category":
      return name?.[1];
    case "karpenter.k8s.aws/instance-generation":
      return name?.[2];
    case "karpenter.k8s.aws/instance-hypervisor":
      return type.hypervisor === "unknown" ? "" : type.hypervisor;
    case "karpenter.k8s.aws/instance-cpu":
      return type.vcpuCount === undefined ? undefined : String(type.vcpuCount);
    case "kubernetes.io/arch":
      return isArm(family) ? "arm64" : "amd64";
    default:
      return null;
  }
}

/** Graviton families: a1, and a `g` right after the generation (m7g, c6gn, t4g, x2gd, i4g, hpc7g). */
function isArm(family: string): boolean {
  return family === "a1" || /^[a-z]+\d+g/.test(family);
}
