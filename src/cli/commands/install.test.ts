// slash28 install on a node made of temporary folders: what is placed, kept, withdrawn and put back.

import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";

const MAIN = join(import.meta.dir, "../main.ts");
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

interface Node {
  readonly bin: string;
  readonly conf: string;
  readonly socket: string;
  readonly plugin: string;
  run(...words: string[]): Promise<{ status: number; out: string; err: string }>;
  start(...words: string[]): Bun.Subprocess<"ignore", "pipe", "pipe">;
}

/** A node whose bin folder has portmap, and the plugin to install. */
function makeNode(env: Readonly<Record<string, string>> = {}): Node {
  const root = mkdtempSync(join(tmpdir(), "s28-install-"));
  folders.push(root);
  const bin = join(root, "bin");
  const conf = join(root, "net.d");
  const socket = join(root, "s.sock");
  const plugin = join(root, "plugin");
  mkdirSync(bin);
  writeFileSync(plugin, "the plugin of this release");
  const portmap = join(bin, "portmap");
  writeFileSync(portmap, `#!/bin/sh\necho '{"cniVersion":"1.0.0","supportedVersions":["0.3.1","0.4.0","1.0.0"]}'\n`);
  chmodSync(portmap, 0o755);
  const start = (...words: string[]) =>
    Bun.spawn([process.execPath, MAIN, "install", "--bin-dir", bin, "--conf-dir", conf, "--plugin", plugin, ...words], {
      env: { PATH: process.env["PATH"] ?? "", SLASH28_SOCKET: socket, ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
  return {
    bin,
    conf,
    socket,
    plugin,
    start,
    async run(...words) {
      const child = start(...words);
      const [out, err, status] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
        child.exited,
      ]);
      return { status, out, err };
    },
  };
}

/** An agent that answers `status` as told. */
function fakeAgent(path: string): { isServing: boolean; stop(): void } {
  const agent = { isServing: true, stop: () => listener.stop(true) };
  const listener = Bun.listen({
    unix: path,
    socket: {
      data(socket) {
        const answer = agent.isServing
          ? { v: 1, ok: true }
          : { v: 1, ok: false, reason: "starting", message: "not yet" };
        socket.write(`${JSON.stringify(answer)}\n`);
      },
    },
  });
  return agent;
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !condition(); i++) await Bun.sleep(50);
  expect(condition()).toBe(true);
}

describe("slash28 install", () => {
  test("places plugin and conflist, executable from the first moment, and puts back what was there", async () => {
    const node = makeNode();
    const agent = fakeAgent(node.socket);
    mkdirSync(node.conf);
    const conflist = join(node.conf, "10-aws.conflist");
    writeFileSync(conflist, '{"name":"aws-cni","plugins":[]}');
    writeFileSync(join(node.bin, "aws-cni"), "the reference's plugin");
    const first = await node.run("-o", "json");
    expect(first).toMatchObject({ status: 0, err: "" });
    const document = JSON.parse(first.out);
    expect(document).toMatchObject({ schema: "slash28/install/v1", state: "installed" });
    const schema = readFileSync(join(import.meta.dir, "../../../docs/schemas/install.v1.json"), "utf8");
    expect(z.fromJSONSchema(JSON.parse(schema)).safeParse(document).error).toBeUndefined();
    for (const name of ["aws-cni", "slash28-cni"]) {
      expect(readFileSync(join(node.bin, name), "utf8")).toBe("the plugin of this release");
      expect(statSync(join(node.bin, name)).mode & 0o777).toBe(0o755);
    }
    expect(statSync(conflist).mode & 0o777).toBe(0o644);
    const list = JSON.parse(readFileSync(conflist, "utf8"));
    expect(list).toMatchObject({ name: "aws-cni", cniVersion: "1.0.0", cniVersions: ["0.4.0", "1.0.0"] });

    // A newer release does not take our own former plugin for the reference's.
    writeFileSync(node.plugin, "a newer plugin");
    expect((await node.run()).out).toContain("slash28-cni");
    expect((await node.run()).out).toContain("nothing had to change");

    expect((await node.run("--undo")).status).toBe(0);
    expect(readFileSync(join(node.bin, "aws-cni"), "utf8")).toBe("the reference's plugin");
    expect(readFileSync(conflist, "utf8")).toBe('{"name":"aws-cni","plugins":[]}');
    expect([...new Bun.Glob("*").scanSync({ cwd: node.bin, dot: true })].sort()).toEqual(["aws-cni", "portmap"]);
    expect([...new Bun.Glob("*").scanSync({ cwd: node.conf, dot: true })]).toEqual(["10-aws.conflist"]);
    expect((await node.run("--undo")).out).toContain("nothing had to change");
    agent.stop();
  });

  test("what somebody else installed since is left alone by --undo", async () => {
    const node = makeNode();
    const agent = fakeAgent(node.socket);
    expect((await node.run()).status).toBe(0);
    agent.stop();
    writeFileSync(join(node.bin, "aws-cni"), "the reference again");
    writeFileSync(join(node.conf, "10-aws.conflist"), '{"name":"theirs"}');
    expect((await node.run("--undo")).status).toBe(0);
    expect(readFileSync(join(node.bin, "aws-cni"), "utf8")).toBe("the reference again");
    expect(readFileSync(join(node.conf, "10-aws.conflist"), "utf8")).toBe('{"name":"theirs"}');
    expect(existsSync(join(node.bin, "slash28-cni"))).toBe(false);
  });

  test("without an agent that serves there is no conflist: the node takes no pods", async () => {
    const node = makeNode();
    const result = await node.run("--wait", "0");
    expect(result.status).toBe(3);
    expect(result.err).toContain("The agent does not serve");
    expect(result.err).toContain("next: Start slash28 agent");
    expect(existsSync(join(node.bin, "aws-cni"))).toBe(true);
    expect(existsSync(join(node.conf, "10-aws.conflist"))).toBe(false);
  });

  test("--watch withdraws the conflist of an unhealthy agent and places it again", async () => {
    const node = makeNode();
    const agent = fakeAgent(node.socket);
    const child = node.start("--watch", "--withdraw-after", "1");
    const conflist = join(node.conf, "10-aws.conflist");
    try {
      await until(() => existsSync(conflist));
      agent.isServing = false;
      await until(() => !existsSync(conflist));
      agent.isServing = true;
      await until(() => existsSync(conflist));
    } finally {
      child.kill("SIGTERM");
    }
    expect(await child.exited).toBe(0);
    expect(await new Response(child.stderr).text()).toContain("takes no new pods: starting: not yet");
    agent.stop();
  });

  test("--watch withdraws the conflist that an earlier start has left, when the agent never comes up", async () => {
    const node = makeNode();
    const agent = fakeAgent(node.socket);
    expect((await node.run()).status).toBe(0);
    agent.stop();
    const child = node.start("--watch", "--wait", "0", "--withdraw-after", "1");
    try {
      await until(() => !existsSync(join(node.conf, "10-aws.conflist")));
    } finally {
      child.kill("SIGTERM");
    }
    expect(await child.exited).toBe(0);
    expect(await new Response(child.stderr).text()).toContain("the conflist is withdrawn");
  });

  test("a chain that cannot start, a bad environment and a missing plugin change nothing", async () => {
    const node = makeNode({ AWS_VPC_K8S_PLUGIN_LOG_FILE: "stdout" });
    const env = await node.run();
    expect(env.status).toBe(2);
    expect(env.err).toContain("AWS_VPC_K8S_PLUGIN_LOG_FILE is stdout");
    const bare = makeNode();
    rmSync(join(bare.bin, "portmap"));
    const chain = await bare.run();
    expect(chain.status).toBe(2);
    expect(chain.err).toContain("The plugin portmap is not in");
    const missing = await makeNode().run("--plugin", join(bare.bin, "none"));
    expect(missing.status).toBe(2);
    expect(missing.err).toContain("The plugin's executable is not there");
    expect(existsSync(join(bare.bin, "aws-cni"))).toBe(false);
  });
});
