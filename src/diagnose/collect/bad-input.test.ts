// Whatever comes, the collector answers: the bad file is named with its reason, the others count, nothing is written.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { Prng } from "../../base/prng.ts";
import { DEFAULT_BOUNDS } from "./bounds.ts";
import { bytesOf } from "./byte-stream.ts";
import { collect } from "./index.ts";
import { FILE_READERS } from "./recognise.ts";
import { agentLine, agentLog, caseFolder, tarOf } from "./testing/case-folder.ts";
import { visitInput } from "./visit.ts";

const folder = caseFolder();
afterAll(() => folder.remove());

const SUBNETS = JSON.stringify({
  Subnets: [{ SubnetId: "subnet-0aaa", CidrBlock: "10.0.0.0/24", AvailableIpAddressCount: 251 }],
});

async function reasonsFor(path: string, bounds = {}): Promise<string[]> {
  const facts = await collect({ paths: [path], bounds });
  return facts.unread.map(({ reason }) => reason);
}

/** Text that packs badly, so that a cut in the middle of the packed bytes is one in the middle of the text. */
function noisyLog(lineCount: number): string {
  const prng = new Prng(7);
  return Array.from({ length: lineCount }, (_, index) =>
    agentLine(
      index,
      `IP stats - total IPs: 16, assigned IPs: ${prng.below(16)}, cooldown IPs: 0 ${prng.below(2 ** 31)}`,
    ),
  ).join("");
}

describe("packed files", () => {
  test("a gz that is cut off counts as far as it goes, and is named", async () => {
    const packed = gzipSync(noisyLog(20_000));
    const path = folder.put("cut/ipamd.log.gz", packed.subarray(0, Math.floor(packed.length * 0.8)));
    const facts = await collect({ paths: [path] });
    expect(facts.unread).toHaveLength(1);
    expect(facts.unread[0]?.reason).toContain("cut off");
    const lineCount = facts.logs[0]?.lineCount ?? 0;
    expect(lineCount).toBeGreaterThan(15_000);
    expect(lineCount).toBeLessThan(17_000);
  });

  test("gz data with a flipped byte are damaged, not cut off", async () => {
    const packed = gzipSync(noisyLog(2_000));
    packed.fill(0xff, 10_000, 10_100);
    expect((await reasonsFor(folder.put("damaged/ipamd.log.gz", packed))).join()).toContain("damaged");
  });

  test("a tar that is cut off gives the members before, and the log that it cuts in two as far as it goes", async () => {
    const whole = await tarOf([
      { name: "subnets.json", content: SUBNETS },
      { name: "ipamd.log", content: agentLog(0, 10_000) },
      { name: "later.json", content: SUBNETS },
    ]);
    const path = folder.put("cut/case.tar", whole.subarray(0, 700_000));
    const facts = await collect({ paths: [path] });
    expect(facts.subnets.map(({ id }) => id)).toEqual(["subnet-0aaa"]);
    expect(facts.logs[0]?.lineCount).toBeGreaterThan(4_000);
    expect(facts.unread.some(({ file, reason }) => file === path && reason.includes("cut off"))).toBe(true);
  });

  test("a file that has to be read whole is not read from the stump of a tar: a cut checkpoint would look broken", async () => {
    const checkpoint = `{"version":"vpc-cni-ipam/1","allocations":[${" ".repeat(200_000)}]}`;
    const whole = await tarOf([{ name: "ipamd/ipam.json", content: checkpoint }]);
    const facts = await collect({ paths: [folder.put("cut/stump.tar", whole.subarray(0, 100_000))] });
    expect(facts.checkpoints).toEqual([]);
    expect(facts.unread.length).toBeGreaterThan(0);
  });

  test("a tar.gz that is cut off gives the members before the cut", async () => {
    const packed = gzipSync(
      await tarOf([
        { name: "subnets.json", content: SUBNETS },
        { name: "ipamd.log", content: noisyLog(20_000) },
      ]),
    );
    const path = folder.put("cut/case.tar.gz", packed.subarray(0, packed.length / 2));
    const facts = await collect({ paths: [path] });
    expect(facts.subnets).toHaveLength(1);
    expect(facts.logs[0]?.lineCount).toBeGreaterThan(5_000);
    expect(facts.unread.some(({ reason }) => reason.includes("cut off"))).toBe(true);
  });

  test("a bomb is stopped by its ratio", async () => {
    const zeros = gzipSync(Buffer.alloc(80 * 2 ** 20));
    const reasons = await reasonsFor(folder.put("bomb.gz", zeros), { ratioFreeBytes: 2 ** 20 });
    expect(reasons.join()).toContain("bomb");
  });

  test("a bomb within a tar, and one packed twice, are stopped as well", async () => {
    const zeros = gzipSync(Buffer.alloc(80 * 2 ** 20));
    const bounds = { ratioFreeBytes: 2 ** 20 };
    const nested = await tarOf([{ name: "a/ipamd.log.gz", content: zeros }]);
    expect((await reasonsFor(folder.put("nested.tar", nested), bounds)).join()).toContain("bomb");
    expect((await reasonsFor(folder.put("twice.gz", gzipSync(zeros)), bounds)).join()).toContain("bomb");
  });

  test("an input that unpacks to more than the bound is read as far as the bound", async () => {
    const path = folder.put("large.log.gz", gzipSync(noisyLog(20_000)));
    expect((await reasonsFor(path, { inputBytesMax: 500_000 })).join()).toContain("more than 500000 bytes");
  });

  test("more members than the bound, and archives too deep, are named", async () => {
    const many = await tarOf(Array.from({ length: 20 }, (_, index) => ({ name: `${index}.json`, content: SUBNETS })));
    const reasons = await reasonsFor(folder.put("many.tar", many), { memberCountMax: 10 });
    expect(reasons.join()).toContain("more than 10 members");
    let deep = await tarOf([{ name: "subnets.json", content: SUBNETS }]);
    for (let depth = 0; depth < 6; depth++) deep = await tarOf([{ name: `${depth}.tar`, content: deep }]);
    expect((await reasonsFor(folder.put("deep.tar", deep))).join()).toContain("archives deep");
  });

  test("names that lead out of the archive are not read, links are not followed, nothing is written", async () => {
    const path = folder.put(
      "outside/case.tar.gz",
      gzipSync(
        await tarOf([
          { name: "../../escaped.json", content: SUBNETS },
          { name: "hosts", linkTo: "/etc/passwd" },
          { name: "ec2/subnets.json", content: SUBNETS },
        ]),
      ),
    );
    const before = readdirSync(dirname(path)).join();
    const facts = await collect({ paths: [path] });
    expect(facts.read.map(({ file }) => file)).toEqual([`${path}!ec2/subnets.json`]);
    const reasons = facts.unread.map(({ reason }) => reason).join("\n");
    expect(reasons).toContain("../../escaped.json leads out of the archive");
    expect(reasons).toContain("1 links and devices");
    expect(readdirSync(dirname(path)).join()).toBe(before);
  });

  test("control characters in a member's name do not reach a terminal", async () => {
    const path = folder.put("names.tar", await tarOf([{ name: "a\u001b[2Jb.txt", content: "nothing here" }]));
    const facts = await collect({ paths: [path] });
    expect(facts.unread.map(({ file }) => file)).toEqual([`${path}!a?[2Jb.txt`]);
  });

  test("other packings are named with the command that unpacks them", async () => {
    const facts = await collect({ paths: [folder.put("x.xz", Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 0]))] });
    expect(facts.unread[0]?.reason).toContain("xz");
    expect(facts.unread[0]?.next).toContain("xz -dk");
  });

  test("what only begins like gz or tar is no reason to stop", async () => {
    const gz = folder.put("begins/like.gz", Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3]));
    folder.put("begins/subnets.json", SUBNETS);
    const facts = await collect({ paths: [dirname(gz)] });
    expect(facts.subnets).toHaveLength(1);
    expect(facts.unread.map(({ file }) => file)).toEqual([gz]);
  });
});

describe("single files", () => {
  test("binary junk, an empty file and an unknown text are named, the known file is read", async () => {
    const prng = new Prng(3);
    const path = dirname(
      folder.put(
        "mixed/junk",
        Uint8Array.from({ length: 5000 }, () => prng.below(256)),
      ),
    );
    folder.put("mixed/empty.txt", "");
    folder.put("mixed/poem.txt", "no log and no document\n");
    folder.put("mixed/named-wrongly.png", SUBNETS);
    const facts = await collect({ paths: [path] });
    const reasonOf = new Map(facts.unread.map(({ file, reason }) => [file, reason]));
    expect(reasonOf.get(join(path, "junk"))).toContain("binary");
    expect(reasonOf.get(join(path, "empty.txt"))).toContain("empty");
    expect(reasonOf.get(join(path, "poem.txt"))).toContain("not recognised");
    expect(facts.read).toEqual([{ file: join(path, "named-wrongly.png"), kind: "EC2 subnets" }]);
  });

  test("UTF-16 with its mark is read, in either order of bytes, documents and logs", async () => {
    const little = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(SUBNETS, "utf16le")]);
    const big = Buffer.from(little).swap16();
    const log = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(agentLog(0, 100), "utf16le")]);
    for (const bytes of [little, big])
      expect((await collect({ paths: [folder.put("utf16.json", bytes)] })).subnets).toHaveLength(1);
    const facts = await collect({ paths: [folder.put("utf16.log", log)] });
    expect(facts.logs[0]?.lineCount).toBe(100);
    expect(facts.logs[0]?.era).toBe("json");
  });

  test("Latin-1 and a UTF-8 mark do not keep a document from being read", async () => {
    const named = SUBNETS.replace("}]", ',"Tags":[{"Key":"Owner","Value":"Jürgen"}]}]');
    const latin = await collect({ paths: [folder.put("latin.json", Buffer.from(named, "latin1"))] });
    expect(latin.subnets[0]?.tags.get("Owner")).toBe("Jürgen");
    expect((await collect({ paths: [folder.put("bom.json", `\uFEFF${SUBNETS}`)] })).subnets).toHaveLength(1);
  });

  test("a log with zeros where a machine lost its power is read", async () => {
    const log = Buffer.concat([Buffer.alloc(50), Buffer.from(agentLog(0, 100))]);
    expect((await collect({ paths: [folder.put("power.log", log)] })).logs[0]?.lineCount).toBeGreaterThanOrEqual(100);
  });

  test("a file that may not be read is named", async () => {
    const denied = async function* (): AsyncGenerator<Uint8Array> {
      yield* [];
      throw Object.assign(new Error("open"), { code: "EACCES" });
    };
    const input = { path: "secret.log", node: undefined, inside: undefined, reopen: undefined };
    const found = await visitInput(input, denied(), { bounds: DEFAULT_BOUNDS, readers: FILE_READERS });
    expect(found.unread).toEqual([
      { file: "secret.log", reason: "may not be read (permission denied)", next: undefined },
    ]);
  });

  test("a path without a file is named", async () => {
    expect(await reasonsFor(join(folder.path, "nowhere"))).toEqual(["no such file"]);
  });

  test("a file larger than can be read whole is named", async () => {
    expect((await reasonsFor(folder.put("big.json", SUBNETS), { wholeBytesMax: 50 })).join()).toContain(
      "larger than 50",
    );
  });

  test("a reader that throws is one unread file", async () => {
    const broken = {
      kind: "broken",
      recognises: () => true,
      read: () => {
        throw new Error("planted");
      },
    };
    const facts = await collect({ paths: [folder.put("any.json", SUBNETS)], readers: [broken] });
    expect(facts.unread.map(({ reason }) => reason)).toEqual(["planted"]);
  });

  test("stdin is read once, and may be packed", async () => {
    const packed = gzipSync(await tarOf([{ name: "ipamd.log", content: agentLog(0, 50) }]));
    const facts = await collect({ paths: ["-"], stdin: bytesOf(packed) });
    expect(facts.logs[0]?.files).toEqual(["stdin!ipamd.log"]);
    expect(facts.logs[0]?.lineCount).toBe(50);
    const plain = await collect({ paths: ["-"], stdin: bytesOf(Buffer.from(agentLog(0, 50))) });
    expect(plain.logs[0]?.lineCount).toBe(50);
    // A log flows through, however large.
    const large = await collect({
      paths: ["-"],
      stdin: bytesOf(gzipSync(noisyLog(20_000))),
      bounds: { wholeBytesMax: 1000, heldBytesMax: 1000 },
    });
    expect(large.logs[0]?.lineCount).toBe(20_000);
    expect(large.unread).toEqual([]);
  });
});

describe("folders", () => {
  test("a loop of links ends, links that lead out are not followed, sockets are named", async () => {
    const path = join(folder.path, "links");
    mkdirSync(join(path, "inner"), { recursive: true });
    folder.put("links/inner/subnets.json", SUBNETS);
    symlinkSync("..", join(path, "inner", "up"));
    symlinkSync("self", join(path, "self"));
    symlinkSync("/etc", join(path, "etc"));
    symlinkSync("inner/subnets.json", join(path, "again.json"));
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(path, "agent.sock"), resolve));
    const facts = await collect({ paths: [path] });
    server.close();
    expect(facts.read).toHaveLength(1);
    const reasonOf = new Map(facts.unread.map(({ file, reason }) => [file, reason]));
    expect(reasonOf.get(join(path, "inner/up"))).toContain("loop");
    expect(reasonOf.get(join(path, "self"))).toContain("loop");
    expect(reasonOf.get(join(path, "etc"))).toContain("leads out of the folder");
    expect(reasonOf.get(join(path, "agent.sock"))).toContain("socket");
    expect(reasonOf.size).toBe(4);
  });

  test("thousands of files without meaning are one line more, not thousands", async () => {
    for (let index = 0; index < 100; index++) folder.put(`sources/${index}.go`, "package main\n");
    const facts = await collect({ paths: [join(folder.path, "sources")] });
    expect(facts.unread).toHaveLength(31);
    expect(facts.unread.at(-1)?.reason).toContain("69 more");
  });

  test("an abort ends the reading with its reason", async () => {
    folder.put("abort/a.json", SUBNETS);
    const signal = AbortSignal.abort(new Error("stopped by hand"));
    await expect(collect({ paths: [join(folder.path, "abort")], signal })).rejects.toThrow("stopped by hand");
  });
});
