// Limits of EC2 instance types, as amazon-vpc-cni-k8s v1.23.1 ships them (pkg/vpc/vpc_ip_resource_limit.go), with vCPUs and
// branch-ENI limits from karpenter-provider-aws and the VPC resource controller. Dated data; the columns are described in
// docs/decisions/0003-instance-data.md.

import rows from "./instance-limits.tsv" with { type: "text" };

export type Hypervisor = "nitro" | "xen" | "unknown";

export interface InstanceTypeLimits {
  readonly instanceType: string;
  /** ENIs on the default network card. */
  readonly eniCountMax: number;
  /** IPv4 addresses of one ENI, its primary address included: the slots are one fewer. */
  readonly ipv4PerEni: number;
  readonly hypervisor: Hypervisor;
  readonly isBareMetal: boolean;
  readonly networkCardCount: number;
  /** undefined: unknown to our sources. */
  readonly vcpuCount: number | undefined;
  /** undefined: unknown to our sources. */
  readonly branchEniCountMax: number | undefined;
  /** Can carry a trunk ENI. Unknown types count as capable, as the reference has it. */
  readonly isTrunkingCompatible: boolean;
  /** The published secondary-IP max-pods number. */
  readonly publishedMaxPods: number;
}

let table: Map<string, InstanceTypeLimits> | undefined;

function load(): Map<string, InstanceTypeLimits> {
  const loaded = new Map<string, InstanceTypeLimits>();
  for (const line of rows.trimEnd().split("\n").slice(1)) {
    const cell = line.split("\t");
    loaded.set(cell[0]!, {
      instanceType: cell[0]!,
      eniCountMax: Number(cell[1]),
      ipv4PerEni: Number(cell[2]),
      hypervisor: cell[3] as Hypervisor,
      isBareMetal: cell[4] === "true",
      networkCardCount: Number(cell[5]),
      vcpuCount: optional(cell[7]),
      branchEniCountMax: optional(cell[8]),
      isTrunkingCompatible: cell[9] !== "false",
      publishedMaxPods: Number(cell[11]),
    });
  }
  return loaded;
}

function optional(cell: string | undefined): number | undefined {
  return cell === undefined || cell === "" ? undefined : Number(cell);
}

/** The limits of one type; undefined when the table does not know it. */
export function instanceTypeLimits(instanceType: string): InstanceTypeLimits | undefined {
  table ??= load();
  return table.get(instanceType);
}

/** All known types in table order: by family, then by size. */
export function instanceTypes(): readonly InstanceTypeLimits[] {
  table ??= load();
  return [...table.values()];
}

/** Prefixes work on Nitro and on bare metal, whose hypervisor field is absent. */
export function supportsPrefixes(limits: Pick<InstanceTypeLimits, "hypervisor" | "isBareMetal">): boolean {
  return limits.hypervisor === "nitro" || limits.isBareMetal;
}
