// ENIs that are there before the agents start and that no agent made: those left behind by instances now gone, and those that
// something else attached to a node. They take addresses anywhere in their subnet, as the seed has it.

import { type Cidr, cidrSize, type Ipv4 } from "../base/ipv4.ts";
import type { Prng } from "../base/prng.ts";
import type { Cluster } from "../cluster/index.ts";
import type { EniDescription, TagDescription } from "../emulator/model/types.ts";
import type { UpNode } from "./world.ts";

const AWS_FIRST_COUNT = 4;
const LEAK_AGE_MS = 3 * 86_400_000;

export function standingEnis(given: {
  readonly cluster: Cluster;
  readonly nodes: readonly UpNode[];
  readonly subnetIds: ReadonlyMap<string, string>;
  readonly createdAt: (ageMs: number) => string;
  readonly prng: Prng;
}): EniDescription[] {
  const { cluster, nodes, prng } = given;
  const pools = new Map<string, Ipv4[]>();
  for (const subnet of cluster.subnets) {
    const id = given.subnetIds.get(subnet.id) ?? subnet.id;
    pools.set(id, addressesOf(subnet.cidr, prng.split(`addresses-${subnet.id}`)));
  }
  const ids = prng.split("ids");
  const make = (
    eni: { subnetId: string; addressCount: number } & Pick<EniDescription, "description" | "tags" | "attachment">,
  ) => {
    const pool = pools.get(eni.subnetId) ?? [];
    const [primary, ...rest] = pool.splice(0, 1 + eni.addressCount);
    if (primary === undefined) return [];
    return [
      {
        id: `eni-0${hex(ids)}${hex(ids)}`,
        subnetId: eni.subnetId,
        interfaceType: "interface",
        status: eni.attachment === undefined ? ("available" as const) : ("in-use" as const),
        description: eni.description,
        isRequesterManaged: false,
        isSourceDestCheck: true,
        securityGroupIds: [],
        primaryAddress: primary,
        addresses: rest,
        prefixes: [],
        tags: eni.tags,
        attachment: eni.attachment,
      },
    ];
  };
  const enis: EniDescription[] = [];
  for (const subnet of cluster.subnets) {
    for (let index = 0; index < subnet.leakedEnis.count; index++) {
      const instanceId = `i-0${hex(ids)}${hex(ids)}`;
      const tags: TagDescription[] = [
        { key: "node.k8s.amazonaws.com/instance_id", value: instanceId },
        { key: "node.k8s.amazonaws.com/createdAt", value: given.createdAt(LEAK_AGE_MS) },
      ];
      const subnetId = given.subnetIds.get(subnet.id) ?? subnet.id;
      const addressCount = subnet.leakedEnis.addresses;
      enis.push(...make({ subnetId, addressCount, description: `aws-K8S-${instanceId}`, tags, attachment: undefined }));
    }
  }
  for (const node of nodes) {
    node.otherEnis.forEach((other, index) => {
      enis.push(
        ...make({
          subnetId: node.subnetId,
          addressCount: 0,
          description: "",
          tags: [...other.tags].map(([key, value]) => ({ key, value })),
          attachment: {
            id: `eni-attach-0${hex(ids)}${hex(ids)}`,
            instanceId: node.instanceId,
            deviceIndex: index + 1,
            networkCardIndex: 0,
            status: "attached",
            isDeleteOnTermination: true,
          },
        }),
      );
    });
  }
  return enis;
}

/** Every address of the subnet that an ENI may have, in random order. */
function addressesOf(cidr: Cidr, prng: Prng): Ipv4[] {
  const addresses: Ipv4[] = [];
  for (let offset = AWS_FIRST_COUNT; offset < cidrSize(cidr.prefixLength) - 1; offset++)
    addresses.push(cidr.base + offset);
  return prng.shuffle(addresses);
}

function hex(prng: Prng): string {
  return prng.uint32().toString(16).padStart(8, "0");
}
