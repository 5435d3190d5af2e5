// How long the map of a large account takes once its facts are read: 50,000 ENIs in 200 subnets, the document included.

import { formatIpv4, type Ipv4, parseIpv4 } from "../src/base/ipv4.ts";
import { Prng } from "../src/base/prng.ts";
import { NO_FACTS } from "../src/diagnose/facts/merge.ts";
import type { EniFact, Facts, SubnetFact } from "../src/diagnose/facts/model.ts";
import { buildMap } from "../src/diagnose/map/build-map.ts";
import { mapDocument } from "../src/diagnose/render/map-document.ts";
import type { BenchRow } from "./types.ts";

const ENIS = 50_000;
const SUBNETS = 200;
const PREFIX_LENGTH = 21;
const ROUNDS = 5;
const AT = { file: "bench" };

export function benchMap(): Promise<BenchRow[]> {
  const facts = largeAccount();
  const times: number[] = [];
  let brokenCount = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const startMs = performance.now();
    const document = mapDocument(buildMap(facts), facts);
    times.push(performance.now() - startMs);
    brokenCount = document.subnets.reduce((sum, one) => sum + one.blocks.broken, 0);
  }
  const seconds = Math.max(...times) / 1_000;
  return Promise.resolve([
    {
      name: "map of 50,000 ENIs, after reading",
      asked: { atMost: 1 },
      measured: seconds,
      unit: "s",
      note: `slowest of ${ROUNDS}; ${SUBNETS} subnets of /${PREFIX_LENGTH}, ${brokenCount} broken blocks, releases ranked`,
    },
  ]);
}

/** Nodes with prefixes, load balancers, functions and leaked ENIs, placed at random. */
function largeAccount(): Facts {
  const prng = new Prng(28);
  const subnets: SubnetFact[] = [];
  const enis: EniFact[] = [];
  for (let index = 0; index < SUBNETS; index++) {
    const base = (parseIpv4("10.0.0.0") ?? 0) + index * 2 ** (32 - PREFIX_LENGTH);
    const id = `subnet-0${index.toString(16).padStart(16, "0")}`;
    subnets.push({ id, cidr: { base, prefixLength: PREFIX_LENGTH }, tags: new Map(), isLive: true, at: AT });
    const used = new Set<number>();
    for (let count = 0; count < ENIS / SUBNETS; count++) enis.push(oneEni({ prng, used, base, subnetId: id, count }));
  }
  return { ...NO_FACTS, subnets, enis };
}

function oneEni(given: { prng: Prng; used: Set<number>; base: Ipv4; subnetId: string; count: number }): EniFact {
  const { prng, used, base, subnetId, count } = given;
  const size = 2 ** (32 - PREFIX_LENGTH);
  const addresses: Ipv4[] = [];
  for (let one = 0; one < 1 + prng.below(3); one++) {
    const offset = 4 + prng.below(size - 5);
    if (used.has(offset)) continue;
    used.add(offset);
    addresses.push(base + offset);
  }
  const start = 16 * (1 + prng.below(size / 16 - 2));
  const block = Array.from({ length: 16 }, (_, index) => start + index);
  const kind = prng.below(10);
  const hasPrefix = kind < 7 && block.every((offset) => !used.has(offset));
  if (hasPrefix) for (const offset of block) used.add(offset);
  const instanceId = `i-0${subnetId.slice(-4)}${Math.floor(count / 3)}`;
  return {
    id: `eni-0${subnetId.slice(-4)}${count.toString(16).padStart(8, "0")}`,
    subnetId,
    status: kind === 7 ? "available" : "in-use",
    description:
      kind < 8
        ? `aws-K8S-${instanceId}`
        : kind === 8
          ? `ELB app/web-${count % 7}/0a1b2c3d4e5f6071`
          : "RDSNetworkInterface",
    interfaceType: "interface",
    instanceId: kind < 7 ? instanceId : undefined,
    deviceIndex: kind < 7 ? count % 3 : undefined,
    primaryAddress: addresses[0],
    addresses,
    prefixes: hasPrefix ? [base + start] : [],
    securityGroupIds: [],
    tags: new Map([["Name", formatIpv4(base)]]),
    at: AT,
  };
}
