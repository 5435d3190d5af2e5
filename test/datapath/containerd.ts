// Debian's containerd as a node's container runtime, in a network namespace and folders of the test's own. What it keeps
// elsewhere whatever it is told (the cached results of CNI, the shims) is cleared away at the end.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { CriClient } from "./cri.ts";
import { PAUSE_IMAGE, pauseImage } from "./pause-image.ts";
import { run, SYSTEM_PATH } from "./run.ts";

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 10_000;
const DEBIAN_PLUGINS = "/usr/lib/cni";
const RUNC_ROOT = "/run/containerd/runc/k8s.io";
const CNI_CACHE = "/var/lib/cni/results";

/** Why no containerd can be run here, in one line; undefined when it can. */
export function whyNoContainerd(): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "a container runtime needs Linux and root";
  for (const program of ["ip", "unshare", "nsenter", "containerd", "ctr", "runc"])
    if (Bun.which(program, { PATH: SYSTEM_PATH }) === null) return `${program} is not installed`;
  if (!existsSync(`${DEBIAN_PLUGINS}/loopback`))
    return "the CNI plugins of containernetworking-plugins are not installed";
  const probe = Bun.spawnSync(["unshare", "--net", "--mount", "true"], { env: { PATH: SYSTEM_PATH } });
  return probe.exitCode === 0 ? undefined : "the kernel gives root no new network namespace here";
}

export interface ContainerdOptions {
  /** Empty and short: sockets lie in it. */
  readonly folder: string;
  /** The node's network namespace. */
  readonly netnsPath: string;
  /** The text of the one configuration list. */
  readonly conflist: string;
  /** Further executables for the plugins' folder, by name. */
  readonly plugins?: Readonly<Record<string, string>>;
}

export class Containerd {
  readonly cri: CriClient;
  /** The plugins' folder: Debian's, and those given. */
  readonly binFolder: string;
  readonly confFolder: string;
  readonly #options: ContainerdOptions;
  readonly #socket: string;
  #process: Bun.Subprocess | undefined;

  private constructor(options: ContainerdOptions) {
    this.#options = options;
    this.#socket = join(options.folder, "c.sock");
    this.binFolder = join(options.folder, "bin");
    this.confFolder = join(options.folder, "net.d");
    mkdirSync(this.binFolder, { recursive: true });
    mkdirSync(this.confFolder, { recursive: true });
    for (const name of readdirSync(DEBIAN_PLUGINS))
      symlinkSync(`${DEBIAN_PLUGINS}/${name}`, join(this.binFolder, name));
    for (const [name, path] of Object.entries(options.plugins ?? {})) symlinkSync(path, join(this.binFolder, name));
    writeFileSync(join(this.confFolder, "10-pods.conflist"), options.conflist);
    writeFileSync(join(options.folder, "containerd.toml"), this.#config());
    this.cri = new CriClient(this.#socket);
  }

  /** Ready for sandboxes when it resolves. */
  static async start(options: ContainerdOptions): Promise<Containerd> {
    const runtime = new Containerd(options);
    try {
      await runtime.#start();
      writeFileSync(join(options.folder, "pause.tar"), await pauseImage());
      runtime.ctr("-n", "k8s.io", "images", "import", join(options.folder, "pause.tar"));
    } catch (error) {
      await runtime.close();
      throw error;
    }
    return runtime;
  }

  #config(): string {
    const { folder } = this.#options;
    return `version = 2
root = "${folder}/root"
state = "${folder}/state"
[grpc]
address = "${this.#socket}"
[plugins."io.containerd.internal.v1.opt"]
path = "${folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${PAUSE_IMAGE}"
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "${this.binFolder}"
conf_dir = "${this.confFolder}"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
`;
  }

  async #start(): Promise<void> {
    const log = join(this.#options.folder, "containerd.log");
    const config = join(this.#options.folder, "containerd.toml");
    this.#process = Bun.spawn(["nsenter", `--net=${this.#options.netnsPath}`, "containerd", "--config", config], {
      env: { PATH: SYSTEM_PATH },
      stdin: "ignore",
      stdout: Bun.file(log),
      stderr: Bun.file(log),
    });
    const endMs = performance.now() + START_TIMEOUT_MS;
    while (!(await this.cri.isNetworkReady().catch(() => false))) {
      if (performance.now() > endMs || this.#process.exitCode !== null)
        throw new Error(`containerd does not serve: ${readFileSync(log, "utf8").slice(-2000)}`);
      await Bun.sleep(20);
    }
  }

  async #stop(): Promise<void> {
    this.#process?.kill("SIGTERM");
    await this.#process?.exited;
  }

  /** Its pods go on running. */
  async restart(): Promise<void> {
    await this.#stop();
    await this.#start();
  }

  /** Ends it as a crash does. */
  async crash(): Promise<void> {
    this.#process?.kill("SIGKILL");
    await this.#process?.exited;
  }

  /** Runs ctr against it; throws when that fails. Returns what it printed. */
  ctr(...words: readonly string[]): string {
    return run("ctr", "-a", this.#socket, ...words);
  }

  get socket(): string {
    return this.#socket;
  }

  /** Stops and removes every sandbox, the runtime, its shims and its mounts. */
  async close(): Promise<void> {
    const deadline = Bun.sleep(STOP_TIMEOUT_MS);
    if (this.#process?.exitCode === null) await Promise.race([this.#removeAll().catch(() => undefined), deadline]);
    await this.#stop();
    this.cri.close();
    for (const { pid, sandbox } of this.#leftShims()) {
      process.kill(pid, "SIGKILL");
      Bun.spawnSync(["runc", "--root", RUNC_ROOT, "delete", "--force", sandbox], { env: { PATH: SYSTEM_PATH } });
      rmSync(this.#shimSocket(sandbox), { force: true });
    }
    for (const path of this.#mounts()) Bun.spawnSync(["umount", "--lazy", path], { env: { PATH: SYSTEM_PATH } });
    for (const file of existsSync(CNI_CACHE) ? readdirSync(CNI_CACHE) : []) {
      const path = join(CNI_CACHE, file);
      if (readFileSync(path, "utf8").includes(`"${this.#options.folder}/`)) rmSync(path, { force: true });
    }
    rmSync(this.#options.folder, { recursive: true, force: true });
  }

  async #removeAll(): Promise<void> {
    for (const id of await this.cri.list()) {
      await this.cri.stop(id);
      await this.cri.remove(id);
    }
  }

  /** Shims name our socket and their sandbox in their arguments. */
  #leftShims(): { readonly pid: number; readonly sandbox: string }[] {
    return readdirSync("/proc").flatMap((name) => {
      try {
        const words = /^\d+$/.test(name) ? readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0") : [];
        if (!basename(words[0] ?? "").startsWith("containerd-shim") || !words.includes(this.#socket)) return [];
        return [{ pid: Number(name), sandbox: words[words.indexOf("-id") + 1] ?? "" }];
      } catch {
        return []; // it has ended meanwhile
      }
    });
  }

  /** Removed already: a path that is not there. */
  #shimSocket(sandbox: string): string {
    const file = join(this.#options.folder, "state/io.containerd.runtime.v2.task/k8s.io", sandbox, "address");
    return existsSync(file) ? readFileSync(file, "utf8").replace("unix://", "") : file;
  }

  /** Deepest first. */
  #mounts(): string[] {
    return readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .map((line) => line.split(" ")[4] ?? "")
      .filter((path) => path.startsWith(`${this.#options.folder}/`))
      .sort((a, b) => b.length - a.length);
  }
}
