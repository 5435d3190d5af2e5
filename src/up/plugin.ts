// A container runtime's side of the CNI plugin: one process a call, the configuration on standard input, the pod in the
// environment; a few at a time.

export interface PluginSandbox {
  readonly containerId: string;
  /** Path of the pod's network namespace; undefined: not known any more, or never made. */
  readonly netns: string | undefined;
  readonly namespace: string;
  readonly podName: string;
  readonly podUid: string;
}

export interface PluginAnswer {
  /** undefined: it was killed, because its time was up or by somebody else. */
  readonly status: number | undefined;
  /** What it printed: a result, or an error object with `code`, `msg` and `details`; undefined when that is no JSON. */
  readonly output: unknown;
  readonly stderr: string;
}

export interface PluginOptions {
  /** The executable, and what comes before the environment's words. */
  readonly command: readonly string[];
  /** The conflist's entry, without `cniVersion` and `name`. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly networkName: string;
  /** kubelet starts pods side by side; the machine bears so many processes. */
  readonly callsAtOnce?: number;
}

const CNI_VERSION = "1.1.0";
export const POD_INTERFACE = "eth0";

export class Plugin {
  readonly options: PluginOptions;
  readonly #waiting: (() => void)[] = [];
  readonly #children = new Set<Bun.Subprocess>();
  #runningCount = 0;
  #isEnded = false;

  constructor(options: PluginOptions) {
    this.options = options;
  }

  add(sandbox: PluginSandbox, timeoutMs: number): Promise<PluginAnswer> {
    return this.#call("ADD", podEnvironment(sandbox), {}, timeoutMs);
  }

  del(sandbox: PluginSandbox, previous: unknown, timeoutMs: number): Promise<PluginAnswer> {
    const known = previous === undefined ? {} : { prevResult: previous };
    return this.#call("DEL", podEnvironment(sandbox), known, timeoutMs);
  }

  check(sandbox: PluginSandbox, previous: unknown, timeoutMs: number): Promise<PluginAnswer> {
    return this.#call("CHECK", podEnvironment(sandbox), { prevResult: previous }, timeoutMs);
  }

  status(timeoutMs: number): Promise<PluginAnswer> {
    return this.#call("STATUS", {}, {}, timeoutMs);
  }

  /** Everything of this network that is not listed goes. */
  gc(validIds: readonly string[], timeoutMs: number): Promise<PluginAnswer> {
    const valid = validIds.map((containerID) => ({ containerID, ifname: POD_INTERFACE }));
    return this.#call("GC", {}, { "cni.dev/valid-attachments": valid }, timeoutMs);
  }

  /** Kills the calls under way and makes no more: each is answered as one that was killed. */
  end(): void {
    this.#isEnded = true;
    for (const child of this.#children) child.kill("SIGKILL");
  }

  async #call(
    command: string,
    environment: Readonly<Record<string, string>>,
    fields: object,
    timeoutMs: number,
  ): Promise<PluginAnswer> {
    const { config, networkName, command: words, callsAtOnce = Number.POSITIVE_INFINITY } = this.options;
    if (this.#runningCount >= callsAtOnce) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#runningCount++;
    try {
      if (this.#isEnded) return { status: undefined, output: undefined, stderr: "" };
      const input = { cniVersion: CNI_VERSION, name: networkName, type: "aws-cni", ...config, ...fields };
      const child = Bun.spawn([...words], {
        env: { PATH: process.env["PATH"] ?? "", CNI_COMMAND: command, CNI_PATH: "/opt/cni/bin", ...environment },
        stdin: new Blob([JSON.stringify(input)]),
        stdout: "pipe",
        stderr: "pipe",
        // A terminal's Ctrl-C must not end it in the midst of a pod: that would be no finding about the pod.
        detached: true,
      });
      this.#children.add(child);
      const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
      const [stdout, stderr] = await Promise.all([
        new Response(child.stdout).text(),
        new Response(child.stderr).text(),
        child.exited,
      ]);
      clearTimeout(timer);
      this.#children.delete(child);
      return { status: child.exitCode ?? undefined, output: parse(stdout), stderr };
    } finally {
      this.#runningCount--;
      this.#waiting.shift()?.();
    }
  }
}

function podEnvironment(sandbox: PluginSandbox): Record<string, string> {
  const { containerId, netns, namespace, podName, podUid } = sandbox;
  return {
    CNI_CONTAINERID: containerId,
    CNI_IFNAME: POD_INTERFACE,
    ...(netns === undefined ? {} : { CNI_NETNS: netns }),
    CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${podName};K8S_POD_INFRA_CONTAINER_ID=${containerId};K8S_POD_UID=${podUid}`,
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The address that ADD's result gives the pod; undefined when there is none in it. */
export function addressOf(result: unknown): string | undefined {
  const { ips } = (result ?? {}) as { ips?: readonly { address?: string }[] };
  return ips?.[0]?.address?.split("/")[0];
}
