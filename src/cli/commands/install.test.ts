// slash28 install on a node made of temporary folders: what is placed, kept, withdrawn and put back.

import { afterAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";

const MAIN = join(import.meta.dir, "../main.ts");
const THEIR_CONFLIST = '{"name":"aws-cni","plugins":[{"type":"aws-cni"}]}';
const PLUGIN = pluginText("the plugin of this release");
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A plugin of our versions. */
function pluginText(comment: string): string {
  return `#!/bin/sh\n# ${comment}\necho '{"cniVersion":"1.1.0","supportedVersions":["0.4.0","1.0.0","1.1.0"]}'\n`;
}

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
  mkdirSync(conf);
  writeFileSync(plugin, PLUGIN, { mode: 0o755 });
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

function namesIn(folder: string): string[] {
  return [...new Bun.Glob("*").scanSync({ cwd: folder, dot: true })].sort();
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

/** What the reference leaves on a node that it serves. */
function placeReference(node: Node): { readonly conflist: string; readonly plugin: string } {
  const conflist = join(node.conf, "10-aws.conflist");
  const plugin = join(node.bin, "aws-cni");
  writeFileSync(conflist, THEIR_CONFLIST);
  writeFileSync(plugin, "the reference's plugin");
  return { conflist, plugin };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !condition(); i++) await Bun.sleep(50);
  expect(condition()).toBe(true);
}

describe("slash28 install", () => {
  test("places plugin and conflist, executable from the first moment, and puts back what was there", async () => {
    const node = makeNode();
    const agent = fakeAgent(node.socket);
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
      expect(readFileSync(join(node.bin, name), "utf8")).toBe(PLUGIN);
      expect(statSync(join(node.bin, name)).mode & 0o777).toBe(0o755);
    }
    expect(statSync(conflist).mode & 0o777).toBe(0o644);
    const list = JSON.parse(readFileSync(conflist, "utf8"));
    expect(list).toMatchObject({ name: "aws-cni", cniVersion: "1.0.0", cniVersions: ["0.4.0", "1.0.0"] });

    // A newer release does not take our own former plugin for the reference's.
    writeFileSync(node.plugin, pluginText("a newer plugin"));
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
    expect(result.err).toContain("the node takes no pods yet");
    expect(result.out).toStartWith("plugin placed, no conflist:\n");
    expect(existsSync(join(node.bin, "aws-cni"))).toBe(true);
    expect(existsSync(join(node.conf, "10-aws.conflist"))).toBe(false);
  });

  test("a node that the reference serves keeps plugin and conflist until our agent serves", async () => {
    const node = makeNode();
    const theirs = placeReference(node);
    const before = await node.run("--wait", "0");
    expect(before.status).toBe(3);
    expect(before.out).toBe("nothing changed\n");
    expect(before.err).toContain("Nothing was changed: the node keeps the network that it has (aws-cni and 10-aws");
    expect(before.err).toContain("next: Take that network's own agent (aws-node) off this node.");
    expect(namesIn(node.bin)).toEqual(["aws-cni", "portmap"]);
    expect(readFileSync(theirs.plugin, "utf8")).toBe("the reference's plugin");
    expect(readFileSync(theirs.conflist, "utf8")).toBe(THEIR_CONFLIST);

    const agent = fakeAgent(node.socket);
    expect((await node.run()).status).toBe(0);
    agent.stop();
    expect(readFileSync(theirs.plugin, "utf8")).toBe(PLUGIN);
    expect(JSON.parse(readFileSync(theirs.conflist, "utf8")).installedBy).toStartWith("slash28 ");
    expect((await node.run("--undo")).status).toBe(0);
    expect(readFileSync(theirs.plugin, "utf8")).toBe("the reference's plugin");
    expect(readFileSync(theirs.conflist, "utf8")).toBe(THEIR_CONFLIST);
    expect(namesIn(node.bin)).toEqual(["aws-cni", "portmap"]);
  });

  test("their conflist with our plugin and no agent is said to start no pod", async () => {
    const node = makeNode();
    const theirs = placeReference(node);
    for (const name of ["aws-cni", "slash28-cni"])
      writeFileSync(join(node.bin, name), "the plugin of an earlier release");
    const result = await node.run("--wait", "0", "-o", "json");
    expect(result.status).toBe(3);
    expect(JSON.parse(result.out)).toEqual({ schema: "slash28/install/v1", state: "nothing changed", changed: [] });
    expect(result.err).toContain("no new pod starts here until the agent serves");
    expect(result.err).toContain("slash28 install --undo gives the node back");
    expect(readFileSync(theirs.conflist, "utf8")).toBe(THEIR_CONFLIST);
  });

  test("our own conflist of an earlier install is said to be there", async () => {
    const node = makeNode();
    const agent = fakeAgent(node.socket);
    expect((await node.run()).status).toBe(0);
    agent.stop();
    const result = await node.run("--wait", "0");
    expect(result.status).toBe(3);
    expect(result.out).toBe("plugin placed, conflist of before: nothing had to change\n");
    expect(result.err).toContain("so is the conflist of an earlier install: no new pod starts here");
    expect(result.err).not.toContain("takes no pods yet");
  });

  test("another network's file is named: what pods go by meanwhile, and what the runtime reads before ours", async () => {
    const node = makeNode();
    writeFileSync(join(node.conf, "05-cilium.conflist"), "{}");
    const before = await node.run("--wait", "0");
    expect(before.err).toContain("the conflist is not: pods go by 05-cilium.conflist.");
    const agent = fakeAgent(node.socket);
    const after = await node.run();
    agent.stop();
    expect(after.status).toBe(0);
    expect(after.err).toContain("05-cilium.conflist comes before 10-aws.conflist by its name");
  });

  test("--watch says what is there before the agent serves, and takes the node over with its first answer", async () => {
    const node = makeNode();
    const theirs = placeReference(node);
    const child = node.start("--watch", "--wait", "0");
    let out = "";
    let agent: ReturnType<typeof fakeAgent> | undefined;
    try {
      for await (const chunk of child.stdout) {
        out += new TextDecoder().decode(chunk);
        if (out.includes("\n")) break;
      }
      expect(out).toBe("nothing changed\n");
      expect(readFileSync(theirs.plugin, "utf8")).toBe("the reference's plugin");
      agent = fakeAgent(node.socket);
      await until(() => readFileSync(theirs.conflist, "utf8").includes("slash28"));
      expect(readFileSync(theirs.plugin, "utf8")).toBe(PLUGIN);
    } finally {
      child.kill("SIGTERM");
      agent?.stop();
    }
    expect(await child.exited).toBe(0);
    const err = await new Response(child.stderr).text();
    expect(err).toContain("The agent does not serve: nothing serves");
    expect(err).toContain("plugin and conflist are in place");
  });

  test("the conflist of an earlier start is written anew under --watch when the agent comes up late", async () => {
    const node = makeNode();
    const agent = fakeAgent(node.socket);
    expect((await node.run()).status).toBe(0);
    agent.stop();
    const conflist = join(node.conf, "10-aws.conflist");
    const old = JSON.parse(readFileSync(conflist, "utf8"));
    old.plugins[0].mtu = "1500";
    writeFileSync(conflist, JSON.stringify(old));
    const child = node.start("--watch", "--wait", "0");
    await child.stdout.getReader().read();
    const late = fakeAgent(node.socket);
    try {
      await until(() => readFileSync(conflist, "utf8").includes("9001"));
    } finally {
      child.kill("SIGTERM");
      late.stop();
    }
    expect(await child.exited).toBe(0);
  });

  test("help gives times in seconds, with their unit", async () => {
    const { out } = await makeNode().run("--help");
    const text = out.replace(/\s+/g, " ");
    expect(text).toContain("how long to wait for an agent that serves (default: 60 s)");
    expect(text).toContain("the conflist goes after so long without the agent (default: 60 s)");
    expect(text).not.toContain("60000");
  });

  test("--undo --network is refused while an agent serves, and everything stays", async () => {
    const node = makeNode();
    const agent = fakeAgent(node.socket);
    expect((await node.run()).status).toBe(0);
    for (const [isServing, message] of [
      [true, `An agent serves ${node.socket}: it would put everything back. Nothing was changed.`],
      [false, `An agent is at ${node.socket} (starting: not yet): it would put everything back.`],
    ] as const) {
      agent.isServing = isServing;
      const { status, out, err } = await node.run("--undo", "--network");
      expect([status, out]).toEqual([2, ""]);
      expect(err).toContain(message);
    }
    agent.stop();
    expect(namesIn(node.bin)).toEqual(["aws-cni", "portmap", "slash28-cni"]);
    expect(namesIn(node.conf)).toEqual(["10-aws.conflist"]);
  });

  test.each([
    ["--withdraw-after goes with --watch alone", "next: Add --watch", ["--withdraw-after", "60", "--wait", "0"]],
    ["--withdraw-after goes with --watch alone", "next: Add --watch", ["--undo", "--withdraw-after", "5"]],
    ["--undo and --watch contradict each other", "next: slash28 install --undo", ["--undo", "--watch"]],
  ])("%s", async (message, next, words) => {
    const node = makeNode();
    const { status, out, err } = await node.run(...words);
    expect([status, out]).toEqual([2, ""]);
    expect(err).toContain(message);
    expect(err).toContain("Nothing was changed.");
    expect(err).toContain(next);
    expect(namesIn(node.bin)).toEqual(["portmap"]);
  });

  test("a socket whose path is not absolute is refused, by --undo --network too, and nothing changes", async () => {
    const node = makeNode({ SLASH28_SOCKET: "slash28.sock" });
    for (const words of [[], ["--undo", "--network"]]) {
      const { status, out, err } = await node.run(...words);
      expect([status, out]).toEqual([2, ""]);
      expect(err).toContain('SLASH28_SOCKET is "slash28.sock"');
      expect(err).toContain("next: Write it from /");
    }
    expect(namesIn(node.bin)).toEqual(["portmap"]);
  });

  test("--network without --undo says what to run instead", async () => {
    const { status, err } = await makeNode().run("--network");
    expect(status).toBe(2);
    expect(err).toContain("next: slash28 install --undo --network");
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

  test("the time without an agent counts from the start, however long the first wait is, and the wait is told", async () => {
    const node = makeNode();
    const agent = fakeAgent(node.socket);
    expect((await node.run()).status).toBe(0);
    agent.stop();
    // The wait is 60 s unless told; `until` gives up well before.
    const child = node.start("--watch", "--withdraw-after", "2");
    try {
      await until(() => !existsSync(join(node.conf, "10-aws.conflist")));
    } finally {
      child.kill("SIGTERM");
    }
    expect(await child.exited).toBe(0);
    const err = await new Response(child.stderr).text();
    expect(err).toStartWith("slash28: waiting up to 2 s for an agent (nothing serves ");
    expect(err).toContain("; after 2 s without one the conflist of an earlier install is withdrawn\n");
  });

  test("what it writes is read by lint, and clean", async () => {
    const node = makeNode({ POD_MTU: "1500", AWS_VPC_K8S_CNI_VETHPREFIX: "pod" });
    const agent = fakeAgent(node.socket);
    expect((await node.run()).status).toBe(0);
    agent.stop();
    const lint = Bun.spawnSync([process.execPath, MAIN, "lint", "-o", "json", node.conf]);
    expect(lint.exitCode).toBe(0);
    const document = JSON.parse(lint.stdout.toString());
    expect(document).toMatchObject({ findings: [], files: 1, unread: [] });
  });

  test("our own plugin is asked for its versions before it is placed", async () => {
    const node = makeNode();
    const agent = fakeAgent(node.socket);
    for (const [path, why] of [
      ["/etc/passwd", "it may not be executed"],
      ["/bin/true", "it printed nothing and ended with status 0"],
    ] as const) {
      const { status, out, err } = await node.run("--plugin", path);
      expect([status, out]).toEqual([2, ""]);
      expect(err).toContain(`${path} does not tell its CNI versions: ${why}. Nothing was changed.`);
    }
    writeFileSync(node.plugin, pluginText("of old").replace(',"1.0.0","1.1.0"', ""));
    expect((await node.run()).status).toBe(0);
    agent.stop();
    expect(JSON.parse(readFileSync(join(node.conf, "10-aws.conflist"), "utf8")).cniVersion).toBe("0.4.0");
  });

  test("a folder that is not what it was named for is said to be so, and nothing is made", async () => {
    const node = makeNode();
    const { bin, conf, plugin } = node;
    const [empty, missing] = [join(conf, "empty"), join(conf, "none")];
    mkdirSync(empty);
    for (const [status, message, next, words] of [
      [2, `conflists' folder ${missing} (--conf-dir) is not there`, `mkdir -p ${missing}`, ["--conf-dir", missing]],
      [2, `conflists' folder ${plugin} (--conf-dir) is a file`, "/etc/cni/net.d", ["--conf-dir", plugin]],
      [2, `${plugin}/x (--conf-dir) cannot be reached: a part`, "--conf-dir", ["--conf-dir", `${plugin}/x`]],
      [3, "/proc (--conf-dir) cannot be written: no file can be made there", "--conf-dir", ["--conf-dir", "/proc"]],
      [2, `plugins' folder ${missing} (--bin-dir) is not there`, "--bin-dir", ["--bin-dir", missing]],
      [2, `plugins' folder ${plugin} (--bin-dir) is a file`, "--bin-dir", ["--bin-dir", plugin]],
      [2, `portmap is not in ${empty} (--bin-dir): the folder is empty`, "--bin-dir", ["--bin-dir", empty]],
    ] as const) {
      const result = await node.run("--wait", "0", ...words);
      expect([result.status, result.out]).toEqual([status, ""]);
      expect(result.err).toContain(message);
      expect(result.err).toContain("Nothing was changed.");
      expect(result.err.slice(result.err.indexOf("next:"))).toContain(next);
    }
    expect([readdirSync(bin), readdirSync(conf)]).toEqual([["portmap"], ["empty"]]);
  }, 20_000);

  test("what lies in the place of a file and is none is told by name before anything is placed", async () => {
    const make = {
      folder: (path: string) => mkdirSync(path),
      link: (path: string) => symlinkSync("/nonexistent/aws-cni", path),
      circle: (path: string) => symlinkSync(path, path),
    };
    for (const [place, kind, message] of [
      ["net.d/10-aws.conflist", "folder", "10-aws.conflist is a folder, where a file belongs"],
      ["bin/aws-cni", "link", "aws-cni is a link to /nonexistent/aws-cni, and there is nothing"],
      ["bin/slash28-cni", "circle", "slash28-cni is a link to "],
    ] as const) {
      const node = makeNode();
      make[kind](join(node.bin, "..", place));
      const before = [readdirSync(node.bin).sort(), readdirSync(node.conf)];
      const { status, out, err } = await node.run("--wait", "0");
      expect([status, out]).toEqual([2, ""]);
      expect(err).toContain(message);
      expect(err).not.toContain("as root");
      expect([readdirSync(node.bin).sort(), readdirSync(node.conf)]).toEqual(before);
    }
    const node = makeNode();
    mkdirSync(join(node.conf, "10-aws.conflist"));
    const undone = await node.run("--undo");
    expect(undone.status).toBe(3);
    expect(undone.err).toContain("it is a folder, where a file belongs");
    expect(undone.err).toContain("next: Move it away");
    const broken = makeNode();
    writeFileSync(join(broken.bin, "portmap"), "no program");
    const { status, err } = await broken.run();
    expect(status).toBe(2);
    expect(err).toContain("portmap does not tell its CNI versions: it is no program that this machine can run.");
  }, 20_000);

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
