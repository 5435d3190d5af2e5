// A VPC made of network namespaces, so that pods of several nodes reach each other on one machine: one namespace for the VPC,
// one a node, one for the world outside. Attached ENIs are veths; what the emulator changes is followed. All of it lives in
// namespaces made here and goes with `close`; the machine's own namespace is never touched.

import { writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { insideNamespace, NamespaceSet, removeDeadNamespaces } from "../drivers/network-namespaces.ts";
import type { World } from "../emulator/model/world.ts";
import { type FabricPicture, fabricChanges, INTERNET_TABLE, NOTHING } from "./fabric-commands.ts";
import { fabricPicture } from "./fabric-picture.ts";

/**
 * A host of the internet (RFC 5737 block). An internet gateway knows an instance by the primary address of an ENI: what comes
 * from any other address is dropped on its way out.
 */
export const INTERNET_ADDRESS = "198.51.100.10";
/** A host of a network that is joined to the VPC, as by a transit gateway: every address of the VPC gets answers. */
export const PEER_ADDRESS = "203.0.113.10";

const FOLLOW_MS = 50;

/** Frames of one ENI on the VPC's end, as the node sees them. */
export interface EniTraffic {
  readonly sentCount: number;
  readonly receivedCount: number;
}

export class Fabric {
  readonly outsideNamespace: string;
  readonly #vpcNamespace: string;
  readonly #namespaces: NamespaceSet;
  /** Of the nodes, by instance id. */
  readonly #nodes = new Map<string, string>();
  readonly #links = new Map<string, string>();
  readonly #onProblem: (text: string) => void;
  #applied: FabricPicture = NOTHING;
  #work: Promise<void> = Promise.resolve();
  #timer: ReturnType<typeof setInterval> | undefined;
  #isClosed = false;
  #look: () => Promise<void> = async () => {};

  private constructor(options: { readonly onProblem: (text: string) => void }) {
    this.#onProblem = options.onProblem;
    this.#namespaces = new NamespaceSet();
    this.#vpcNamespace = this.#namespaces.pathOf("vpc");
    this.outsideNamespace = this.#namespaces.pathOf("outside");
  }

  /**
   * The VPC, the outside and one empty node for each instance; needs root and iproute2. `onProblem` hears what could not be
   * followed.
   */
  static async create(options: {
    readonly instanceIds: readonly string[];
    readonly onProblem: (text: string) => void;
  }): Promise<Fabric> {
    removeDeadNamespaces();
    const fabric = new Fabric(options);
    try {
      await fabric.#build(options.instanceIds);
      return fabric;
    } catch (error) {
      await fabric.close();
      throw error;
    }
  }

  /** Path of a node's namespace. */
  nodeNamespace(instanceId: string): string {
    const path = this.#nodes.get(instanceId);
    if (path === undefined) throw new Error(`the fabric has no node for ${instanceId}`);
    return path;
  }

  /** A namespace for a pod, empty; its path. */
  createPodNamespace(name: string): string {
    return this.#namespaces.create(name);
  }

  /** Path of one that was made before. */
  podNamespace(name: string): string {
    return this.#namespaces.pathOf(name);
  }

  removePodNamespace(name: string): void {
    this.#namespaces.remove(name);
  }

  async #build(instanceIds: readonly string[]): Promise<void> {
    for (const name of ["vpc", "outside"]) this.#namespaces.create(name);
    insideNamespace(this.#vpcNamespace, () => {
      setSysctl("net/ipv4/ip_forward", "1");
      setSysctl("net/ipv4/conf/all/rp_filter", "0");
      setSysctl("net/ipv4/conf/all/send_redirects", "0");
      setSysctl("net/ipv4/conf/default/send_redirects", "0");
      setSysctl("net/ipv4/conf/default/rp_filter", "1");
      setSysctl("net/ipv4/conf/default/proxy_arp", "1");
    });
    await ip(this.#vpcNamespace, [
      "link set lo up",
      `link add wan mtu 9001 type veth peer name eth0 mtu 9001 netns ${basename(this.outsideNamespace)}`,
      "link set wan up",
      "addr add 198.51.100.1/24 dev wan",
      "addr add 203.0.113.1/24 dev wan",
      `rule add pref 100 from 198.51.100.0/24 iif wan lookup ${INTERNET_TABLE}`,
      `route add blackhole default table ${INTERNET_TABLE}`,
    ]);
    await ip(this.outsideNamespace, [
      "link set lo up",
      "link set eth0 up",
      `addr add ${INTERNET_ADDRESS}/24 dev eth0`,
      `addr add ${PEER_ADDRESS}/24 dev eth0`,
      "route add default via 198.51.100.1",
    ]);
    for (const [index, instanceId] of instanceIds.entries()) {
      const path = this.#namespaces.create(`n${index + 1}`);
      this.#nodes.set(instanceId, path);
      insideNamespace(path, () => {
        setSysctl("net/ipv4/ip_forward", "1");
        // As strict as a distribution may be: what needs less has to ask for it.
        setSysctl("net/ipv4/conf/all/rp_filter", "0");
        setSysctl("net/ipv4/conf/default/rp_filter", "1");
      });
      await ip(path, ["link set lo up"]);
    }
  }

  /** Shows the world as it is now and follows it until `close`: its changes at once, what time alone changes soon. */
  async follow(world: World, nowMs: () => number): Promise<void> {
    let isDue = false;
    const look = async (): Promise<void> => {
      isDue = false;
      world.settle(nowMs());
      await this.apply(fabricPicture(world, this.#nodeNames()));
    };
    const lookSoon = (): void => {
      if (isDue || this.#isClosed) return;
      isDue = true;
      // After the change in hand is complete.
      setTimeout(() => {
        look().catch((error: unknown) => this.#onProblem(error instanceof Error ? error.message : String(error)));
      }, 0);
    };
    await look();
    if (this.#isClosed) return;
    this.#look = look;
    world.onMetadataChange = lookSoon;
    this.#timer = setInterval(lookSoon, FOLLOW_MS);
  }

  /** Resolves when the namespaces show what the world is now. */
  caughtUp(): Promise<void> {
    return this.#look();
  }

  /** Changes what differs from the picture applied last. One after the other. */
  apply(picture: FabricPicture): Promise<void> {
    const run = async (): Promise<void> => {
      if (this.#isClosed) return;
      const { vpc, nodes } = fabricChanges(this.#applied, picture, (eniId) => this.#linkOf(eniId));
      this.#applied = picture;
      if (vpc.length > 0) await ip(this.#vpcNamespace, vpc);
      for (const [namespace, lines] of nodes) await ip(`/run/netns/${namespace}`, lines);
    };
    const done = this.#work.then(run);
    this.#work = done.catch(() => {});
    return done;
  }

  #nodeNames(): Map<string, string> {
    return new Map([...this.#nodes].map(([instanceId, path]) => [instanceId, basename(path)]));
  }

  #linkOf(eniId: string): string {
    const known = this.#links.get(eniId);
    if (known !== undefined) return known;
    const link = `e${this.#links.size + 1}`;
    this.#links.set(eniId, link);
    return link;
  }

  /** Frames so far, by ENI. */
  async traffic(): Promise<ReadonlyMap<string, EniTraffic>> {
    const links = (await ipJson(this.#vpcNamespace, ["-s", "link", "show"])) as readonly {
      readonly ifalias?: string;
      readonly stats64: { readonly rx: { readonly packets: number }; readonly tx: { readonly packets: number } };
    }[];
    const found = new Map<string, EniTraffic>();
    for (const { ifalias, stats64 } of links) {
      if (ifalias !== undefined)
        found.set(ifalias, { sentCount: stats64.rx.packets, receivedCount: stats64.tx.packets });
    }
    return found;
  }

  /** Removes everything, once the change under way is done; again: nothing. */
  async close(): Promise<void> {
    this.#stopFollowing();
    await this.#work;
    this.#namespaces.removeAll();
  }

  /** The same at once, for a process that is about to end. */
  kill(): void {
    this.#stopFollowing();
    this.#namespaces.removeAll();
  }

  #stopFollowing(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
  }
}

export interface Machine {
  readonly platform: string;
  readonly isRoot: boolean;
  has(tool: string): boolean;
}

const thisMachine: Machine = {
  platform: process.platform,
  isRoot: process.getuid?.() === 0,
  has: (tool) => Bun.which(tool, { PATH: toolPath() }) !== null,
};

/** What a machine lacks for a fabric and for pods in it, one line each; empty: nothing. */
export function datapathProblems(machine: Machine = thisMachine): string[] {
  if (machine.platform !== "linux") return ["network namespaces need Linux"];
  const problems: string[] = [];
  if (!machine.isRoot) problems.push("root is needed to make network namespaces");
  for (const [tool, source] of [
    ["ip", "iproute2"],
    ["nsenter", "util-linux"],
    ["iptables-restore", "iptables"],
  ] as const) {
    if (!machine.has(tool)) problems.push(`${tool} is not installed (package ${source})`);
  }
  return problems;
}

/** One `ip -batch` inside a namespace. Rejects with what `ip` said about the first line that failed. */
export async function ip(namespacePath: string, lines: readonly string[]): Promise<void> {
  await runInside(namespacePath, ["ip", "-batch", "-"], `${lines.join("\n")}\n`);
}

/** What `ip -json` prints inside a namespace. */
export async function ipJson(namespacePath: string, words: readonly string[]): Promise<unknown> {
  return JSON.parse((await runInside(namespacePath, ["ip", "-json", "-details", ...words])) || "[]");
}

/** What a command prints inside a namespace. Rejects with its complaint when it fails. */
export async function runInside(namespacePath: string, command: readonly string[], input = ""): Promise<string> {
  const child = Bun.spawn(["nsenter", `--net=${namespacePath}`, ...command], {
    stdin: new Blob([input]),
    stdout: "pipe",
    stderr: "pipe",
    // Out of the reach of a terminal's Ctrl-C.
    detached: true,
    env: { PATH: toolPath() },
  });
  const [text, complaint] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) === 0) return text;
  const line = Number(/-:(\d+)/.exec(complaint)?.[1] ?? 0);
  const what = line > 0 ? (input.split("\n")[line - 1] ?? "") : command.join(" ");
  throw new Error(`${command[0]} in ${basename(namespacePath)}: ${what}: ${complaint.split("\n")[0] ?? ""}`);
}

/** Where `ip` and its kind are; users' paths often lack the folders of the administrator's tools. */
function toolPath(): string {
  return `${process.env["PATH"] ?? "/usr/bin:/bin"}:/usr/local/sbin:/usr/sbin:/sbin`;
}

function setSysctl(key: string, value: string): void {
  writeFileSync(join("/proc/sys", key), value);
}
