// The plugin's log: the reference's lines, whole ones however many plugins write at once, and no command that fails for it.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { ANSWER, answer, type CniRig, ENVIRONMENT, openCniRig } from "./rig.ts";

let rig: CniRig;
beforeAll(async () => {
  rig = await openCniRig();
});
beforeEach(() => rmSync(rig.logFile, { force: true }));
afterEach(() => rig.stopAgents());
afterAll(() => rig.close());

const FULL = 100 * 1024 * 1024;
const ADD = { ...ENVIRONMENT, CNI_COMMAND: "ADD" };
interface Line {
  readonly level: string;
  readonly ts: string;
  readonly caller: string;
  readonly msg: string;
}

function lines(file = rig.logFile): Line[] {
  const text = readFileSync(file, "utf8");
  expect(text).toEndWith("\n");
  return text.split("\n", text.split("\n").length - 1).map((line) => JSON.parse(line) as Line);
}

describe("the log", () => {
  test("has the reference's lines for an ADD", async () => {
    rig.agent(() => answer(ANSWER));
    const config = rig.config();
    await rig.run({ env: ADD, input: config });
    const all = lines();
    for (const line of all) {
      expect(Object.keys(line)).toEqual(["level", "ts", "caller", "msg"]);
      expect(line.ts).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    }
    expect(all.map(({ level, msg }) => `${level} ${msg}`)).toEqual([
      "info Constructed new logger instance",
      `info Received CNI add request: ContainerID(4f0a1b2c) Netns(/var/run/netns/cni-0a1b) IfName(eth0) Args(${ADD.CNI_ARGS}) Path(/opt/cni/bin) argsStdinData(${JSON.stringify(config)})`,
      `info Received add network response from ipamd for container 4f0a1b2c interface eth0: ${JSON.stringify(ANSWER)}`,
    ]);
  });

  test("has the reference's lines for what goes wrong", async () => {
    rig.agent(() => answer({ v: 1, ok: false, reason: "subnet-exhausted", message: "What.", next: "Do this." }));
    await rig.run({ env: ADD, input: rig.config() });
    const errors = lines().filter((line) => line.level === "error");
    expect(errors.map((line) => line.msg)).toEqual([
      "Failed to assign an IP address to container 4f0a1b2c: subnet-exhausted: What.",
      "add cmd: failed to assign an IP address to container: subnet-exhausted: What. Do this.",
    ]);
    rig.stopAgents();
    await rig.run({ env: { ...ADD, CNI_COMMAND: "DEL" }, input: rig.config() });
    expect(lines().map((line) => line.msg)).toContain(
      `Error received from DelNetwork grpc call for container 4f0a1b2c: no agent at ${rig.socketPath} (ENOENT)`,
    );
  });

  test("says what a DEL left behind, and of whom nothing was known", async () => {
    rig.agent(() => answer({ v: 1, ok: true, address: null, left: ["rule 512 to 10.0.0.9: EPERM"] }));
    expect((await rig.run({ env: { ...ADD, CNI_COMMAND: "DEL" }, input: rig.config() })).status).toBe(0);
    expect(lines().map(({ level, msg }) => `${level} ${msg}`)).toEqual([
      "info Constructed new logger instance",
      expect.stringMatching(/^info Received CNI del request: ContainerID\(4f0a1b2c\) /),
      "info Container 4f0a1b2c not found",
      "warn Left behind for container 4f0a1b2c: rule 512 to 10.0.0.9: EPERM",
    ]);
  });

  test("keeps below the level that the conflist names, and takes an unknown one for debug", async () => {
    rig.agent(() => answer(ANSWER));
    await rig.run({ env: ADD, input: rig.config({ pluginLogLevel: "Warn", mtu: "x" }) });
    expect(lines().map((line) => line.level)).toEqual(["warn"]);
    rmSync(rig.logFile);
    await rig.run({ env: ADD, input: rig.config({ pluginLogLevel: "chatty" }) });
    expect(lines()).toHaveLength(3);
  });

  test("keeps its lines whole when plugins write at once", async () => {
    rig.agent(() => answer(ANSWER));
    const padding = "p".repeat(9_000);
    await Promise.all(Array.from({ length: 24 }, () => rig.run({ env: ADD, input: rig.config({ padding }) })));
    expect(lines()).toHaveLength(72);
  });

  test("is silent about STATUS that goes well", async () => {
    rig.agent(() => answer({ v: 1, ok: true }));
    await rig.run({ env: { CNI_COMMAND: "STATUS" }, input: rig.config({ cniVersion: "1.1.0" }) });
    expect(await Bun.file(rig.logFile).exists()).toBe(false);
  });

  test("cuts what a hostile runtime sends", async () => {
    rig.agent(() => answer(ANSWER));
    await rig.run({
      env: { ...ADD, CNI_PATH: "y".repeat(50_000) },
      input: rig.config({ padding: "x".repeat(900_000) }),
    });
    expect(readFileSync(rig.logFile).length).toBeLessThan(30_000);
  });
});

describe("a log that cannot be written fails nothing", () => {
  test.each([
    ["a folder", () => rig.folder],
    ["below a file", () => `${rig.binary}/plugin.log`],
    ["a device that is full", () => "/dev/full"],
    ["a path with a zero", () => "/tmp/a\u0000b"],
    ["a path without end", () => `/tmp/${"x".repeat(5_000)}`],
  ])("%s", async (_, path) => {
    rig.agent(() => answer(ANSWER));
    const { status, stdout, stderr } = await rig.run({ env: ADD, input: rig.config({ pluginLogFile: path() }) });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(JSON.parse(stdout)).toHaveProperty("ips");
  });

  test("a folder of the working directory, beside which no other is made", async () => {
    rig.agent(() => answer(ANSWER));
    mkdirSync(join(rig.folder, "logs"));
    expect((await rig.run({ env: ADD, input: rig.config({ pluginLogFile: "logs" }) })).status).toBe(0);
    expect(readdirSync(rig.folder)).not.toContain("log");
  });

  test("one that cannot be moved aside grows", async () => {
    rig.agent(() => answer(ANSWER));
    const folder = join(rig.folder, "no-new-names");
    mkdirSync(folder);
    const file = join(folder, "p".repeat(248));
    writeFileSync(file, "");
    truncateSync(file, FULL);
    await rig.run({ env: ADD, input: rig.config({ pluginLogFile: file }) });
    expect(statSync(file).size).toBeGreaterThan(FULL);
  });

  test("stderr is a log too, no log is none, and a missing folder is made", async () => {
    rig.agent(() => answer(ANSWER));
    expect((await rig.run({ env: ADD, input: rig.config({ pluginLogFile: "STDERR" }) })).stderr).toContain(
      "Received CNI add",
    );
    expect((await rig.run({ env: ADD, input: rig.config({ pluginLogFile: "" }) })).stderr).toBe("");
    const file = join(rig.folder, "a/b/plugin.log");
    await rig.run({ env: ADD, input: rig.config({ pluginLogFile: file }) });
    expect(lines(file)).toHaveLength(3);
  });
});

describe("rotation", () => {
  test("a full log is moved aside, and the five newest are kept", async () => {
    rig.agent(() => answer(ANSWER));
    const folder = join(rig.folder, "full");
    mkdirSync(folder);
    const file = join(folder, "plugin.log");
    for (let i = 1; i <= 5; i++) writeFileSync(join(folder, `plugin-2020-01-0${i}T00-00-00.000Z-1.log`), "");
    writeFileSync(join(folder, "plugin-notes.txt"), "");
    writeFileSync(file, "");
    truncateSync(file, FULL);
    await rig.run({ env: ADD, input: rig.config({ pluginLogFile: file }) });
    expect(lines(file)).toHaveLength(3);
    const names = readdirSync(folder).toSorted();
    expect(names).toHaveLength(7);
    expect(names).toContain("plugin-notes.txt");
    expect(names).not.toContain("plugin-2020-01-01T00-00-00.000Z-1.log");
    expect(names.filter((name) => /^plugin-20(?!20)\d\d-.*Z-\d+\.log$/.test(name))).toHaveLength(1);
  });

  test("is done by one of the plugins that write at once, and no line is lost", async () => {
    rig.agent(() => answer(ANSWER));
    for (let round = 0; round < 3; round++) {
      const folder = join(rig.folder, `at-once-${round}`);
      mkdirSync(folder);
      const file = join(folder, "plugin.log");
      writeFileSync(file, "");
      truncateSync(file, FULL);
      const input = rig.config({ pluginLogFile: file });
      await Promise.all(Array.from({ length: 24 }, () => rig.run({ env: ADD, input })));
      const [old, ...others] = readdirSync(folder).filter((name) => name !== "plugin.log");
      expect(others).toEqual([]);
      const late = readFileSync(join(folder, old ?? ""))
        .subarray(FULL)
        .toString();
      expect(`${late}${readFileSync(file, "utf8")}`.split("\n").length - 1).toBe(72);
    }
  });

  test("leaves files alone that only begin as old logs do", async () => {
    rig.agent(() => answer(ANSWER));
    const folder = join(rig.folder, "others");
    mkdirSync(folder);
    const file = join(folder, "plugin.log");
    for (let i = 1; i <= 5; i++) writeFileSync(join(folder, `plugin-2020-01-0${i}T00-00-00.000Z-1.log`), "");
    const others = ["plugin-2.log", "plugin-2nd-node.log", "plugin-2020-01-01.log"];
    for (const other of others) writeFileSync(join(folder, other), "");
    writeFileSync(file, "");
    truncateSync(file, FULL);
    await rig.run({ env: ADD, input: rig.config({ pluginLogFile: file }) });
    const names = readdirSync(folder);
    expect(names).toEqual(expect.arrayContaining(others));
    expect(names.filter((name) => name.includes("T00-00-00"))).toHaveLength(4);
  });

  test("that was broken off keeps nobody from writing, and is done in the end", async () => {
    rig.agent(() => answer(ANSWER));
    const folder = join(rig.folder, "broken-off");
    mkdirSync(folder);
    const file = join(folder, "plugin.log");
    writeFileSync(file, "");
    truncateSync(file, FULL);
    writeFileSync(`${file}.rotating`, "");
    const input = rig.config({ pluginLogFile: file });
    await rig.run({ env: ADD, input });
    expect(statSync(file).size).toBeGreaterThan(FULL);
    const longAgo = new Date(Date.now() - 3_600_000);
    utimesSync(`${file}.rotating`, longAgo, longAgo);
    for (let i = 0; i < 2; i++) await rig.run({ env: ADD, input });
    expect(lines(file).length).toBeWithin(3, 7);
    expect(readdirSync(folder)).toHaveLength(2);
  });
});
