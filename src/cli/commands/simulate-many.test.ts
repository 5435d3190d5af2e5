// simulate with --seeds, --compare, --faults and --ec2, as a user runs it.

import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { CompareDocument, SeedsDocument, SimDocument } from "../../sim/index.ts";
import { churnText } from "../../sim/testing/clusters.ts";

const ROOT = join(import.meta.dir, "../../..");
const TIMEOUT_MS = 60_000;
const folder = mkdtempSync(join(tmpdir(), "s28-simulate-many-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, "c.yaml"), churnText());

function simulate(...args: readonly string[]) {
  const ran = Bun.spawnSync([join(ROOT, "bin/slash28"), "simulate", ...args], { cwd: folder });
  return { status: ran.exitCode, out: ran.stdout.toString(), err: ran.stderr.toString() };
}

function checked<Document>(name: string, text: string): Document {
  const schema = z.fromJSONSchema(JSON.parse(readFileSync(join(ROOT, `docs/schemas/${name}.v1.json`), "utf8")));
  const result = schema.safeParse(JSON.parse(text));
  expect(result.success ? [] : result.error.issues).toEqual([]);
  return JSON.parse(text) as Document;
}

test(
  "--seeds: each run is what that seed alone gives, whatever the number of processes",
  () => {
    const two = simulate("c.yaml", "--seeds", "4", "--workers", "2", "-o", "json");
    expect({ status: two.status, err: two.err }).toEqual({ status: 0, err: "" });
    expect(simulate("c.yaml", "--seeds", "4", "--workers", "1", "-o", "json").out).toBe(two.out);
    expect(simulate("c.yaml", "--seeds", "4", "--workers", "3", "-o", "json").out).toBe(two.out);
    const document = checked<SeedsDocument>("simulate-seeds", two.out);
    expect(document.seeds).toEqual([1, 2, 3, 4]);
    const third = JSON.parse(simulate("c.yaml", "--seed", "3", "-o", "json").out) as SimDocument;
    expect(document.runs[2]!.metrics["mutatingAccepted"]).toBe(third.ec2Calls.mutating.accepted);
    expect(document.runs[2]!.metrics["addressHoursHeld"]).toBe(third.addressHours.held);
  },
  TIMEOUT_MS,
);

test(
  "--compare: settings, a policy, current and another file are sides; two runs are the same bytes",
  () => {
    const args = ["c.yaml", "--compare", "current", "WARM_PREFIX_TARGET=4,MINIMUM_IP_TARGET=", "--seeds", "3"];
    const ran = simulate(...args, "-o", "json");
    expect({ status: ran.status, err: ran.err }).toEqual({ status: 0, err: "" });
    const document = checked<CompareDocument>("compare", ran.out);
    expect(document.b.name).toBe("WARM_PREFIX_TARGET=4,MINIMUM_IP_TARGET=");
    expect(document.metrics.find((one) => one.id === "prefixesHeldEnd")).toMatchObject({ verdict: "worse" });
    expect(simulate(...args, "-o", "json").out).toBe(ran.out);
    expect(simulate(...args).out).toMatch(/\/28s held at the end .* worse/);
    expect(
      simulate(...args, "-o", "csv")
        .out.trimEnd()
        .split("\n"),
    ).toHaveLength(1 + 2 * 3);
    // The file's own pods differ from those of the other file; the pairs are of seeds.
    writeFileSync(join(folder, "other.yaml"), churnText({ workloads: "[{ name: web, pods: 30, at: 5s }]" }));
    const files = simulate("c.yaml", "--compare", "vpc-cni", "other.yaml", "--seeds", "2", "-o", "json");
    expect(checked<CompareDocument>("compare", files.out).b.name).toBe("other.yaml");
  },
  TIMEOUT_MS,
);

test(
  "--compare refuses what cannot be compared, and says what is meant",
  () => {
    writeFileSync(join(folder, "short.yaml"), churnText({ run: "{ duration: 5m, seed: 1 }" }));
    const wrong: readonly [readonly string[], number, string][] = [
      [["current", "current"], 2, "come to the same configuration"],
      [["current", "WARM_PREFIX_TARGET=1"], 2, "come to the same configuration"],
      [["current"], 2, "takes two configurations, not 1"],
      [["current", "WARM_PREFX_TARGET=2"], 2, "did you mean WARM_PREFIX_TARGET?"],
      [["current", "policy=vpc-cn"], 2, "did you mean vpc-cni?"],
      [["current", "slahs28"], 2, "did you mean slash28?"],
      [["current", "short.yaml"], 2, "current runs for 10m, short.yaml for 5m"],
      [["current", "none.yaml"], 3, "none.yaml: there is no such file"],
    ];
    for (const [sides, status, text] of wrong) {
      const ran = simulate("c.yaml", "--compare", ...sides);
      expect(`${sides.join(" ")}: ${ran.status} ${ran.err}`).toContain(text);
      expect(`${sides.join(" ")}: ${ran.status}`).toBe(`${sides.join(" ")}: ${status}`);
    }
    for (const args of [
      ["--seed", "-1"],
      ["--seeds", "0"],
      ["--seeds", "1.5"],
      ["--workers", "x"],
    ]) {
      expect(simulate("c.yaml", ...args).status).toBe(2);
    }
    expect(simulate("c.yaml", "--seed", "4294967295", "--seeds", "2").err).toContain("pass the largest one");
  },
  TIMEOUT_MS,
);

test(
  "--faults: a list or a map of it, with what goes wrong told by file and line",
  () => {
    const faults = (text: string) => {
      writeFileSync(join(folder, "faults.yaml"), text);
      return simulate("c.yaml", "--faults", "faults.yaml", "-o", "json");
    };
    const throttled = JSON.parse(faults("- { at: 0s, op: throttle, forMs: 1m }\n").out) as SimDocument;
    expect(throttled.ec2Calls.mutating.throttled + throttled.ec2Calls.reading.throttled).toBeGreaterThan(0);
    const exhausted = faults("faults:\n  - { at: 40s, op: exhaust, subnetId: subnet-a }\n");
    expect((JSON.parse(exhausted.out) as SimDocument).exhaustion.prefixAtMs).toBeGreaterThanOrEqual(40_000);
    const wrong: readonly [string, RegExp][] = [
      [
        "- { at: 1s, op: throtle, forMs: 1m }\n",
        /faults\.yaml:1:3: there is no operation "throtle"; did you mean throttle/,
      ],
      ["\n- { at: 1s, op: throttle, forMS: 1m }\n", /faults\.yaml:2:3: .*"forMS"; did you mean forMs/],
      [
        "- { at: 1s, op: throtle }\n- { at: 2s, op: exhuast }\n- { at: 3s, op: exhaust, subnetId: subnet-b }\n",
        /^slash28: faults\.yaml:1:3: .*throttle.*\n.*faults\.yaml:2:3: .*exhaust.*\n.*faults\.yaml:3:3: .*subnet-a/,
      ],
      ["fauls: []\n", /faults\.yaml:1:1: unknown key "fauls".* did you mean "faults"/],
      [
        "- { at: 1s, op: exhaust, subnetId: subnet-b }\n",
        /faults\.yaml:1:3: there is no subnet "subnet-b"; did you mean subnet-a/,
      ],
      ["- { at: soon, op: throttle, forMs: 1m }\n", /faults\.yaml:1:9: .*must be a duration/],
      ["", /the file holds no faults/],
    ];
    for (const [text, message] of wrong) {
      const ran = faults(text);
      expect(ran.err).toMatch(message);
      expect(ran.status).toBe(2);
    }
    expect(simulate("c.yaml", "--faults", "none.yaml").status).toBe(3);
  },
  TIMEOUT_MS,
);

test(
  "an error inside a process of the pool reaches the user as it would without",
  () => {
    const ran = simulate("c.yaml", "--seeds", "3", "--workers", "2", "--set", "ENABLE_IPv6=true");
    expect(ran.status).toBe(2);
    expect(ran.err).toStartWith("slash28: c.yaml: cni.env: ");
    expect(ran.err).not.toContain("    at ");
  },
  TIMEOUT_MS,
);

test(
  "--ec2 starts from a VPC's dump; a dump without instances and a file without node groups leave nothing to run",
  () => {
    const dump = join(folder, "dump");
    mkdirSync(dump);
    const write = (name: string, document: object) => writeFileSync(join(dump, name), JSON.stringify(document));
    write("vpcs.json", { Vpcs: [{ VpcId: "vpc-0123456789abcdef0", CidrBlock: "10.0.0.0/16" }] });
    const subnet = { SubnetId: "subnet-0123456789abcdef0", VpcId: "vpc-0123456789abcdef0", CidrBlock: "10.0.7.0/24" };
    write("subnets.json", { Subnets: [{ ...subnet, AvailabilityZone: "us-west-2a", AvailableIpAddressCount: 251 }] });
    write("enis.json", { NetworkInterfaces: [] });
    write("instances.json", { Reservations: [] });
    write("reservations.json", { SubnetIpv4CidrReservations: [], SubnetIpv6CidrReservations: [] });
    const ran = simulate("c.yaml", "--ec2", "dump", "-o", "json", "--exit-zero");
    expect(ran.err).toContain("2 nodes of c.yaml are started beside what the dump holds");
    const document = JSON.parse(ran.out) as SimDocument;
    expect(document.subnets.map((one) => one.cidr)).toEqual(["10.0.7.0/24"]);
    writeFileSync(
      join(folder, "no-groups.yaml"),
      "apiVersion: slash28/v1\nkind: Cluster\nvpc: { ec2Dump: ./dump }\nworkloads: [{ name: web, pods: 3 }]\n",
    );
    const empty = simulate("no-groups.yaml");
    expect(empty.status).toBe(2);
    expect(empty.err).toContain("there is no node to run an agent on");
    expect(simulate("c.yaml", "--ec2", "nowhere").status).toBe(3);
  },
  TIMEOUT_MS,
);

test(
  "a simulation that is killed leaves no process behind, however long its runs",
  async () => {
    const long = churnText({
      workloads: "[{ name: batch, pods: 150, at: 30s, every: 2m, lifetime: 50s }]",
      run: "{ duration: 60d, seed: 1 }",
    });
    writeFileSync(join(folder, "long.yaml"), long);
    const child = Bun.spawn([join(ROOT, "bin/slash28"), "simulate", "long.yaml", "--seeds", "2", "--workers", "2"], {
      cwd: folder,
      stdout: "ignore",
      stderr: "ignore",
    });
    const children = () => readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim().split(" ");
    while (children().filter((one) => one !== "").length < 2) await Bun.sleep(20);
    const workers = children();
    await Bun.sleep(1_500);
    expect(workers.filter(isAlive)).toEqual(workers);
    child.kill("SIGKILL");
    for (let tries = 0; tries < 500 && workers.some(isAlive); tries++) await Bun.sleep(20);
    expect(workers.filter(isAlive)).toEqual([]);
  },
  TIMEOUT_MS,
);

function isAlive(pid: string): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}
