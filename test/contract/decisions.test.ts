// Every row of a table of pool states, decided by the reference's own code, against the policy `vpc-cni`. Where the reference
// draws, a row lists every choice it may make, and a drawn choice must be one of them. The file is named by DECISIONS_TSV;
// its columns are described in test/fixtures/decisions.md.

import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Prng } from "../../src/base/prng.ts";
import { chooseAddress, possibleOffsets } from "../../src/ipam/policies/vpc-cni/choose-address.ts";
import * as decide from "../../src/ipam/policies/vpc-cni/decide.ts";
import { Pool, type PoolCidr, type PoolEni } from "../../src/ipam/pool/pool.ts";
import { parseSettings } from "../../src/ipam/settings.ts";

const root = join(import.meta.dir, "..", "..");
const file = [
  process.env["DECISIONS_TSV"],
  join(root, "..", "shared", "data", "decisions.tsv"),
  join(root, "test", "fixtures", "decisions-sample.tsv"),
].find((candidate) => candidate !== undefined && existsSync(candidate))!;

const NOW_MS = 10_000_000;
const COOLDOWN_MS = 30_000;
type Row = Readonly<Record<string, string>>;

function readRows(): Row[] {
  const [header, ...lines] = readFileSync(file, "utf8").trimEnd().split("\n");
  const names = header!.split("\t");
  return lines.map((line) => Object.fromEntries(line.split("\t").map((cell, i) => [names[i]!, cell])));
}

/** The environment text of a cell: `-` is not set; text in double quotes is taken out of them. */
function environmentText(cell: string): string | undefined {
  if (cell === "-") return undefined;
  return cell.startsWith('"') ? cell.slice(1, -1) : cell;
}

function buildPool(row: Row): { pool: Pool; cidrs: PoolCidr[][] } {
  const random = new Prng(Number(row["id"]));
  const pool = new Pool(random);
  let nextAttachment = 1;
  let nextBase = 0x0a000000;
  const cidrs = row["pool"]!.split(";").map((text, eniIndex) => {
    const [kind, age, list] = text.split("/", 3) as [string, string, string];
    const eni = pool.addEni(
      {
        eniId: `eni-${eniIndex}`,
        subnetId: "subnet-1",
        deviceNumber: eniIndex,
        routeTableId: eniIndex + 1,
        primaryAddress: 0,
        isPrimary: kind.startsWith("P"),
        isTrunk: kind.includes("t"),
        isEfa: kind.includes("e"),
      },
      NOW_MS - Number(age) * 1000,
    );
    eni.isExcluded = kind.includes("x");
    const own: PoolCidr[] = [];
    for (const entry of list === "-" ? [] : list.split(",")) {
      const [count, spec] = entry.includes("*") ? entry.split("*") : ["1", entry];
      for (let i = 0; i < Number(count); i++) {
        const [used, cooling, size] = spec!.split(":").map(Number) as [number, number, number];
        pool.addCidr(eni, nextBase, size === 16);
        const cidr = eni.find(nextBase, size === 16)!;
        nextBase += 16;
        for (let offset = 0; offset < used + cooling; offset++) {
          pool.allocate({ cidr, offset }, nextAttachment, 0, 0);
          if (offset >= used) pool.release(nextAttachment, NOW_MS - COOLDOWN_MS);
          nextAttachment++;
        }
        own.push(cidr);
      }
    }
    return own;
  });
  pool.runningPrefixCount += Number(row["counter_drift"]);
  return { pool, cidrs };
}

/** `0.2,1.0-3`: places as the table writes them. */
function places(cidrs: PoolCidr[][], accepts: (cidr: PoolCidr) => boolean): string {
  const parts: string[] = [];
  cidrs.forEach((own, eniIndex) => {
    let start = -1;
    for (let i = 0; i <= own.length; i++) {
      const isIn = i < own.length && accepts(own[i]!);
      if (isIn && start < 0) start = i;
      if (isIn || start < 0) continue;
      parts.push(start === i - 1 ? `${eniIndex}.${start}` : `${eniIndex}.${start}-${i - 1}`);
      start = -1;
    }
  });
  return parts.join(",") || "-";
}

const VERDICT_WORDS: Record<decide.EniVerdict, string> = {
  primary: "pri",
  "too-young": "yng",
  cooling: "cool",
  "has-pods": "pod",
  "warm-ip-target": "w",
  "minimum-ip-target": "m",
  "warm-prefix-target": "wp",
  trunk: "trk",
  efa: "efa",
  free: "ok",
};

/** Every result column of a row that is computed from the pool, as the table writes it. */
function decideRow(row: Row): Row {
  const env: Record<string, string | undefined> = {
    ENABLE_IPv4: "true",
    ENABLE_PREFIX_DELEGATION: row["mode"] === "prefix" ? "true" : "false",
    ENABLE_POD_ENI: row["pod_eni"] === "1" ? "true" : "false",
    AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: row["custom_networking"] === "1" ? "true" : "false",
  };
  for (const name of ["WARM_IP_TARGET", "MINIMUM_IP_TARGET", "WARM_PREFIX_TARGET", "WARM_ENI_TARGET", "MAX_ENI"]) {
    env[name] = environmentText(row[name]!);
  }
  const { settings, refusals } = parseSettings(env);
  const eniLimit = Number(row["instance_enis"]);
  const targets: decide.Targets = {
    usesPrefixes: settings.prefixDelegation,
    warmIpTarget: settings.warmIpTarget,
    minimumIpTarget: settings.minimumIpTarget,
    warmPrefixTarget: settings.warmPrefixTarget,
    warmEniTarget: settings.warmEniTarget,
    eniCountMax: Math.min(settings.maxEni ?? eniLimit, eniLimit),
    slotsPerEni: Number(row["ipv4_per_eni"]) - 1,
    maxPods: Number(row["max_pods"]),
    cooldownMs: settings.cooldownMs,
    customNetworking: settings.customNetworking,
    wantsTrunk: settings.podEni && row["trunk_capable"] === "1",
    unmanagedEniCount: Number(row["unmanaged"]),
  };
  const { pool, cidrs } = buildPool(row);
  const enis = [...pool.presentEnis()];
  const stats = pool.stats(targets.usesPrefixes);
  const targetsHold = decide.hasIpTargets(targets);
  const { short, over } = targetsHold ? decide.shortAndOver(stats, targets) : { short: 0, over: 0 };
  const wanted = decide.unitsWanted(stats, targets);
  const candidates = enis.filter((eni) => wanted > 0 && decide.isGrowable(eni, targets));
  const room = decide.hasRoomForEni(
    pool,
    targets,
    enis.some((eni) => eni.isTrunk),
  );
  const newEni = decide.unitsForNewEni(stats, targets);
  const isLow = decide.isTooLow(stats, targets);
  const surplus = decide.surplusCidrCount(stats, targets);
  const freeable = enis.flatMap(decide.freeableCidrs);
  const verdicts = enis.map((eni) => decide.eniVerdict(pool, eni, targets, NOW_MS));
  const step = isLow
    ? candidates.length > 0
      ? "assign"
      : room && newEni > 0
        ? "create"
        : "stuck"
    : surplus > 0
      ? "release"
      : "none";
  const flag = (value: boolean) => (value ? "1" : "0");
  const index = (eni: PoolEni) => enis.indexOf(eni);
  return {
    warm_ip: String(targets.warmIpTarget),
    minimum_ip: String(targets.minimumIpTarget),
    warm_prefix: String(targets.warmPrefixTarget),
    warm_eni: String(targets.warmEniTarget),
    max_enis: String(targets.eniCountMax),
    ips_per_eni: String(decide.addressesPerEni(targets)),
    slots_per_eni: String(targets.slotsPerEni),
    total: String(stats.total),
    assigned: String(stats.allocated),
    cooldown: String(pool.coolingCount(targets.usesPrefixes, NOW_MS, COOLDOWN_MS)),
    prefixes: String(stats.runningPrefixCount),
    free_prefixes: String(stats.freePrefixCount),
    too_low: flag(isLow),
    targets: flag(targetsHold),
    short: String(short),
    over: String(over),
    want: String(wanted),
    candidates: candidates.map((eni) => `${index(eni)}:${decide.unitsForEni(eni, wanted, targets)}`).join(",") || "-",
    room: flag(room),
    new_eni: String(newEni),
    too_high: flag(surplus > 0),
    extra: String(decide.extraPrefixCount(stats, targets)),
    released: String(Math.min(surplus, freeable.length)),
    freeable: places(cidrs, (cidr) => cidr.allocatedCount === 0),
    gate: flag(decide.isEniReleaseGateOpen(pool, stats, targets)),
    verdicts: verdicts.map((verdict) => VERDICT_WORDS[verdict]).join(","),
    deletable: verdicts.flatMap((verdict, i) => (verdict === "free" ? [i] : [])).join(",") || "-",
    servable: places(
      cidrs,
      (cidr) => !cidr.eni.isExcluded && cidr.isPrefix === targets.usesPrefixes && cidr.canServe(NOW_MS, COOLDOWN_MS),
    ),
    step,
    refused: flag(refusals.length > 0),
  };
}

/** The lone CIDR of the `probe` column, alone in a pool. */
function probe(row: Row): { pool: Pool; cidr: PoolCidr; usesPrefixes: boolean } {
  const usesPrefixes = row["mode"] === "prefix";
  const pool = new Pool(new Prng(Number(row["id"]) + 1));
  const eni = pool.addEni(
    {
      eniId: "eni-0",
      subnetId: "s",
      deviceNumber: 0,
      routeTableId: 254,
      primaryAddress: 0,
      isPrimary: true,
      isTrunk: false,
      isEfa: false,
    },
    0,
  );
  pool.addCidr(eni, 0x0a000000, usesPrefixes);
  const cidr = eni.find(0x0a000000, usesPrefixes)!;
  [...row["probe"]!].forEach((mark, offset) => {
    if (mark === ".") return;
    pool.allocate({ cidr, offset }, offset + 1, 0, 0);
    if (mark === "c") pool.release(offset + 1, NOW_MS - COOLDOWN_MS);
    if (mark === "r") pool.release(offset + 1, NOW_MS - COOLDOWN_MS - 1);
  });
  return { pool, cidr, usesPrefixes };
}

const rows = readRows();

describe(`decisions of the reference, ${rows.length} rows`, () => {
  test("[ipamd 1.3, 2.5, 4.3, 4.4, 4.5, 4.6, 4.7] every computed column of every row agrees", () => {
    const differences: string[] = [];
    for (const row of rows) {
      for (const [column, value] of Object.entries(decideRow(row))) {
        if (row[column] !== value)
          differences.push(`row ${row["id"]} ${column}: reference ${row[column]}, ours ${value}`);
      }
    }
    expect(differences).toEqual([]);
  });

  test("[ipamd 3.1.4] the next address of a CIDR is one that the reference may choose", () => {
    const differences: string[] = [];
    for (const row of rows) {
      const { pool, cidr, usesPrefixes } = probe(row);
      const possible = possibleOffsets(cidr, NOW_MS, COOLDOWN_MS).join(",") || "-";
      if (possible !== row["probe_next"])
        differences.push(`row ${row["id"]}: reference ${row["probe_next"]}, ours ${possible}`);
      const drawn = chooseAddress(pool, { usesPrefixes, cooldownMs: COOLDOWN_MS, nowMs: NOW_MS, random: new Prng(7) });
      const allowed =
        row["probe_next"] === "-" ? drawn === undefined : row["probe_next"]!.split(",").includes(String(drawn?.offset));
      if (!allowed) differences.push(`row ${row["id"]}: drew ${drawn?.offset}, reference ${row["probe_next"]}`);
    }
    expect(differences).toEqual([]);
  });

  test("a wrong decision is noticed", () => {
    const row = rows.find((candidate) => candidate["too_low"] === "1")!;
    expect(decideRow({ ...row, max_pods: "1" })["too_low"]).not.toBe(row["too_low"]!);
  });
});
