import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mergeFacts } from "../facts/merge.ts";
import type { Facts } from "../facts/model.ts";
import { collectKubernetes, type KubernetesLiveOptions } from "./kubernetes-live.ts";

const folders: string[] = [];
const servers: { stop(force: boolean): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true);
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "slash28-kubernetes-"));
  folders.push(path);
  return path;
}

type Answer = unknown | ((request: Request, url: URL) => Response | Promise<Response>);

interface Server {
  readonly url: string;
  /** What came, with the headers of that moment. */
  readonly requests: { readonly method: string; readonly url: string; readonly authorization: string | null }[];
}

/** An API server that knows these paths; every other is 404. */
function serve(answers: Readonly<Record<string, Answer>>, tls?: { key: string; cert: string }): Server {
  const requests: Server["requests"][number][] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    ...(tls === undefined ? {} : { tls }),
    fetch(request) {
      const { method, url: asked } = request;
      requests.push({ method, url: asked, authorization: request.headers.get("authorization") });
      const url = new URL(request.url);
      const answer = answers[url.pathname];
      if (answer === undefined)
        return Response.json({ kind: "Status", message: "the server could not find it" }, { status: 404 });
      return typeof answer === "function" ? (answer(request, url) as Response) : Response.json(answer);
    },
  });
  servers.push(server);
  return { url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${server.port}`, requests };
}

const denied = (what: string) => () =>
  Response.json({ kind: "Status", message: `User "night" cannot ${what}` }, { status: 403 });

function kubeconfig(server: string, cluster: object = { "insecure-skip-tls-verify": true }): string {
  const path = join(folder(), "config");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "test",
    clusters: [{ name: "c", cluster: { server, ...cluster } }],
    users: [{ name: "night", user: { token: "not-a-real-one" } }],
    contexts: [
      { name: "test", context: { cluster: "c", user: "night" } },
      { name: "empty", context: { cluster: "none", user: "night" } },
    ],
  };
  writeFileSync(path, JSON.stringify(config));
  return path;
}

async function collectFrom(server: string, options: Partial<KubernetesLiveOptions> = {}): Promise<Facts> {
  const given = { kubeconfig: kubeconfig(server), callsPerSecondMax: 1000, ...options };
  return mergeFacts(await collectKubernetes(given));
}

const node = (name: string) => ({
  metadata: { name, labels: { "node.kubernetes.io/instance-type": "m5.large" } },
  spec: { providerID: `aws:///us-west-2a/i-0${name}` },
  status: { capacity: { pods: "29" }, conditions: [{ type: "Ready", status: "True" }] },
});
const agentPod = (nodeName: string, restartCount = 0) => ({
  metadata: {
    namespace: "kube-system",
    name: `aws-node-${nodeName}`,
    labels: { "k8s-app": "aws-node" },
    ownerReferences: [{ kind: "DaemonSet", name: "aws-node" }],
  },
  spec: {
    nodeName,
    hostNetwork: true,
    containers: [
      { name: "aws-node", image: "example/amazon-k8s-cni:v1.18.3", env: [{ name: "WARM_IP_TARGET", value: "5" }] },
    ],
  },
  status: { phase: "Running", containerStatuses: [{ name: "aws-node", ready: true, restartCount, state: {} }] },
});
const waitingPod = (name: string, nodeName: string) => ({
  metadata: { namespace: "shop", name },
  spec: { nodeName, containers: [] },
  status: { phase: "Pending", containerStatuses: [{ name: "w", state: { waiting: { reason: "ContainerCreating" } } }] },
});

const LINE = (second: number, message: string): string =>
  `{"level":"debug","ts":"2026-01-02T03:04:${String(second).padStart(2, "0")}.000Z","caller":"ipamd/ipamd.go:1","msg":"${message}"}\n`;
const IPAMD = `${LINE(1, "Starting L-IPAMD v1.18.3  ...")}${LINE(2, "DataStore has no available IP/Prefix addresses")}`;

const CLUSTER: Readonly<Record<string, Answer>> = {
  "/api/v1/nodes": { items: [node("a"), node("b")] },
  "/api/v1/pods": { items: [agentPod("a"), agentPod("b", 1), waitingPod("web-1", "b")] },
  "/api/v1/events": {
    items: [
      {
        metadata: { namespace: "shop", name: "e" },
        involvedObject: { kind: "Pod", namespace: "shop", name: "web-1" },
        reason: "FailedCreatePodSandBox",
        message: "add cmd: failed to assign an IP address to container",
        source: { component: "kubelet", host: "b" },
        count: 7,
        lastTimestamp: "2026-01-02T03:04:05Z",
      },
    ],
  },
  "/apis/apps/v1/namespaces/kube-system/daemonsets/aws-node": {
    metadata: { name: "aws-node", namespace: "kube-system" },
    spec: {
      template: {
        spec: {
          containers: [
            {
              name: "aws-node",
              image: "example/amazon-k8s-cni:v1.18.3",
              env: [{ name: "WARM_IP_TARGET", value: "5" }],
            },
          ],
        },
      },
    },
    status: { desiredNumberScheduled: 2, numberReady: 2 },
  },
  "/apis/crd.k8s.amazonaws.com/v1alpha1/eniconfigs": {
    items: [{ metadata: { name: "us-west-2a" }, spec: { subnet: "subnet-0aaa", securityGroups: ["sg-0aaa"] } }],
  },
  "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations": { items: [] },
  "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations": { items: [] },
  "/api/v1/nodes/b/proxy/logs/aws-routed-eni/ipamd.log": () => new Response(IPAMD),
  "/api/v1/nodes/b/proxy/logs/aws-routed-eni/plugin.log": () => new Response(""),
  "/api/v1/namespaces/kube-system/pods/aws-node-b/log": (_: Request, url: URL) =>
    new Response(
      `time="2026-01-02T03:04:05Z" level=info msg="Starting IPAM daemon... ${url.searchParams.get("previous") ?? "now"}"\n`,
    ),
  "/api/v1/namespaces/kube-system/pods/aws-node-b:61678/proxy/metrics": () =>
    new Response("awscni_total_ip_addresses 16\n"),
};

describe("a cluster that answers", () => {
  test("objects, logs and metrics become facts, each cited by what was asked and the field", async () => {
    const server = serve(CLUSTER);
    const facts = await collectFrom(server.url, { logNodeCountMax: 1 });
    expect(facts.nodes.map((one) => one.key)).toEqual(["a", "b"]);
    expect(facts.nodes[1]?.maxPods).toEqual({
      value: 29,
      at: { file: "kubernetes:nodes", field: "items[1].status.capacity.pods" },
      span: undefined,
    });
    expect(facts.events).toMatchObject([{ node: "b", count: 7, lastMs: 1_767_323_045_000 }]);
    expect(facts.settings.filter((one) => one.origin === "daemonset")).toMatchObject([
      { env: [{ name: "WARM_IP_TARGET", value: "5" }] },
    ]);
    expect(facts.settings.filter((one) => one.origin === "running").map((one) => one.node)).toEqual(["a", "b"]);
    expect(facts.eniConfigs).toMatchObject([{ name: "us-west-2a", subnetId: { value: "subnet-0aaa" } }]);
    expect(facts.logs.find((log) => log.refusalCount === 1)?.node).toBe("b");
    expect(facts.metrics).toMatchObject([{ node: "b", samples: [{ name: "awscni_total_ip_addresses", value: 16 }] }]);
    // Only one node's logs were wanted: that where a pod waits. The other is named.
    expect(facts.unread.map((one) => one.reason)).toEqual([
      "logs of 1 more nodes were not fetched: the 1 nodes most in trouble were",
    ]);
    expect(server.requests.every((request) => request.method === "GET")).toBe(true);
    expect(server.requests[0]?.authorization).toBe("Bearer not-a-real-one");
    // It has restarted once: what it printed before is asked for too.
    expect(server.requests.some((request) => request.url.includes("previous=true"))).toBe(true);
  });

  test("lists are read page by page", async () => {
    const pages = (_: Request, url: URL) =>
      url.searchParams.get("continue") === "second"
        ? Response.json({ items: [node("b")], metadata: { continue: "" } })
        : Response.json({ items: [node("a")], metadata: { continue: "second" } });
    const facts = await collectFrom(serve({ "/api/v1/nodes": pages }).url, { logNodeCountMax: 0 });
    expect(facts.nodes.map((one) => one.at.field)).toEqual(["items[0]", "items[1]"]);
  });

  test("a page that fails after others keeps what came before, and says so", async () => {
    const pages = (_: Request, url: URL) =>
      url.searchParams.has("continue")
        ? Response.json({ message: "the provided continue parameter is too old" }, { status: 410 })
        : Response.json({ items: [node("a")], metadata: { continue: "x" } });
    const facts = await collectFrom(serve({ "/api/v1/nodes": pages }).url, { logNodeCountMax: 0 });
    expect(facts.nodes).toHaveLength(1);
    expect(facts.unread[0]?.reason).toContain("after 1 objects: the provided continue parameter is too old");
  });

  test("a server that asks for patience gets it", async () => {
    let count = 0;
    const busy = () =>
      count++ === 0
        ? new Response("slow down", { status: 429, headers: { "retry-after": "0" } })
        : Response.json({ items: [node("a")] });
    expect((await collectFrom(serve({ "/api/v1/nodes": busy }).url, { logNodeCountMax: 0 })).nodes).toHaveLength(1);
  });

  test("of a long log only the end is asked for and read, from a whole line on", async () => {
    const long = LINE(1, "x".repeat(3000)) + IPAMD;
    const ranged = (request: Request) => {
      const wanted = Number(/bytes=-(\d+)/.exec(request.headers.get("range") ?? "")?.[1]);
      const start = long.length - wanted;
      const headers = { "content-range": `bytes ${start}-${long.length - 1}/${long.length}` };
      return new Response(long.slice(start), { status: 206, headers });
    };
    const path = "/api/v1/nodes/b/proxy/logs/aws-routed-eni/ipamd.log";
    for (const answer of [ranged, () => new Response(long)]) {
      const facts = await collectFrom(serve({ ...CLUSTER, [path]: answer }).url, {
        logNodeCountMax: 1,
        logBytesMax: 1000,
      });
      const log = facts.logs.find((one) => one.files.some((file) => file.includes("ipamd.log")));
      expect(log?.files).toEqual(["kubernetes:nodes/b/proxy/logs/aws-routed-eni/ipamd.log (its end)"]);
      expect([log?.lineCount, log?.refusalCount]).toEqual([2, 1]);
    }
  });
});

describe("a cluster that denies", () => {
  test("each denied call is named with what to run by hand; the rest goes on", async () => {
    const facts = await collectFrom(
      serve({
        ...CLUSTER,
        "/api/v1/pods": denied('list resource "pods"'),
        "/api/v1/nodes/a/proxy/logs/aws-routed-eni/ipamd.log": denied('get resource "nodes/proxy"'),
      }).url,
      { logNodeCountMax: 1 },
    );
    expect(facts.nodes).toHaveLength(2);
    expect(facts.eniConfigs).toHaveLength(1);
    expect(facts.unread).toContainEqual({
      file: "kubernetes:pods",
      reason: 'may not list pods: User "night" cannot list resource "pods"',
      next: "kubectl get pods -A -o json > pods.json",
    });
    // The event tells that node b refuses: its log comes first, though no pod could be listed.
    expect(facts.logs.some((log) => log.node === "b")).toBe(true);
  });

  test("a denied node log names the command for that node", async () => {
    const path = "/api/v1/nodes/b/proxy/logs/aws-routed-eni/ipamd.log";
    const facts = await collectFrom(serve({ ...CLUSTER, [path]: denied("x") }).url, { logNodeCountMax: 1 });
    const unread = facts.unread.find((one) => one.file.endsWith("ipamd.log"));
    expect(unread?.reason).toBe('may not get nodes/proxy: User "night" cannot x');
    expect(unread?.next).toContain("kubectl debug node/b");
  });

  test("a right that is denied is asked for once, not for each node", async () => {
    const path = (name: string) => `/api/v1/nodes/${name}/proxy/logs/aws-routed-eni/ipamd.log`;
    const server = serve({ ...CLUSTER, [path("a")]: denied("x"), [path("b")]: denied("x") });
    const facts = await collectFrom(server.url);
    expect(server.requests.filter((request) => request.url.includes("/proxy/logs/"))).toHaveLength(1);
    expect(facts.unread.filter((one) => one.reason.startsWith("may not get nodes/proxy"))).toHaveLength(1);
  });

  test("nodes that the agent does not run on are not asked for its log", async () => {
    const fargate = { ...node("f"), metadata: { name: "f", labels: { "eks.amazonaws.com/compute-type": "fargate" } } };
    const server = serve({ ...CLUSTER, "/api/v1/nodes": { items: [fargate] } });
    expect((await collectFrom(server.url)).nodes).toHaveLength(1);
    expect(server.requests.some((request) => request.url.includes("/proxy/logs/"))).toBe(false);
  });

  test("what the cluster does not have is no fault", async () => {
    const facts = await collectFrom(serve(CLUSTER).url, { logNodeCountMax: 0 });
    expect(facts.read).toContainEqual({ file: "kubernetes:nodepools", kind: "none in this cluster" });
    expect(facts.unread.some((one) => one.file === "kubernetes:nodepools")).toBe(false);
  });
});

describe("no cluster", () => {
  test("a server that refuses the token is asked once", async () => {
    const server = serve({ "/api/v1/nodes": () => Response.json({ message: "Unauthorized" }, { status: 401 }) });
    const facts = await collectFrom(server.url);
    expect(server.requests).toHaveLength(1);
    expect(facts.unread).toMatchObject([
      { file: "kubernetes:nodes", reason: "list nodes was answered with 401: Unauthorized" },
    ]);
  });

  test("a server that is not there, a missing file, a wrong context, a context without cluster, a file of junk", async () => {
    expect((await collectFrom("http://127.0.0.1:1")).unread).toHaveLength(1);
    const reasonOf = async (options: KubernetesLiveOptions) =>
      mergeFacts(await collectKubernetes(options)).unread[0]?.reason;
    expect(await reasonOf({ kubeconfig: "/nonexistent/config" })).toBe("no such file");
    expect(await reasonOf({ kubeconfig: kubeconfig("http://127.0.0.1:1"), context: "prod" })).toBe(
      'has no context "prod"',
    );
    expect(await reasonOf({ kubeconfig: kubeconfig("http://127.0.0.1:1"), context: "empty" })).toBe(
      "names no cluster in its current context",
    );
    const junk = join(folder(), "junk");
    writeFileSync(junk, "\u0000: [");
    expect(await reasonOf({ kubeconfig: junk })).toBeDefined();
  });

  test("no kubeconfig anywhere is said as such", async () => {
    const before = { HOME: process.env["HOME"], KUBECONFIG: process.env["KUBECONFIG"] };
    process.env["HOME"] = folder();
    delete process.env["KUBECONFIG"];
    try {
      const { unread } = mergeFacts(await collectKubernetes({}));
      expect(unread).toMatchObject([{ file: "kubeconfig", reason: expect.stringMatching(/^there is none/) }]);
    } finally {
      process.env["HOME"] = before.HOME;
      if (before.KUBECONFIG !== undefined) process.env["KUBECONFIG"] = before.KUBECONFIG;
    }
  });

  test("a redirect is not followed: the token stays with its server", async () => {
    const other = serve({ "/stolen": { items: [] } });
    const server = serve({ "/api/v1/nodes": () => Response.redirect(`${other.url}/stolen`) });
    await collectFrom(server.url);
    expect(other.requests).toHaveLength(0);
  });

  test("an abort rejects with its reason", async () => {
    const control = new AbortController();
    const hang = () => {
      control.abort(new Error("stop"));
      return new Response("{}");
    };
    const run = collectFrom(serve({ "/api/v1/nodes": hang }).url, { signal: control.signal });
    await expect(run).rejects.toThrow("stop");
  });
});

test.skipIf(Bun.which("openssl") === null)(
  "a private CA is trusted when the kubeconfig names it, and only then (needs openssl)",
  async () => {
    const at = folder();
    const made = Bun.spawnSync(
      [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=api",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        "key.pem",
        "-out",
        "cert.pem",
      ],
      { cwd: at, stderr: "ignore" },
    );
    expect(made.exitCode).toBe(0);
    const [key, cert] = [readFileSync(join(at, "key.pem"), "utf8"), readFileSync(join(at, "cert.pem"), "utf8")];
    const server = serve({ "/api/v1/nodes": { items: [node("a")] } }, { key, cert });
    const trusting = kubeconfig(server.url, { "certificate-authority-data": Buffer.from(cert).toString("base64") });
    expect((await collectFrom(server.url, { kubeconfig: trusting, logNodeCountMax: 0 })).nodes).toHaveLength(1);
    const wary = await collectFrom(server.url, { kubeconfig: kubeconfig(server.url, {}) });
    expect(wary.nodes).toHaveLength(0);
    expect(wary.unread).toHaveLength(1);
  },
);
