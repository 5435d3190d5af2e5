// slash28 doctor and explain as a user runs them: statuses, places of mistakes, nothing leaked, nothing guessed.

import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MAIN = join(import.meta.dir, "../main.ts");
const folder = mkdtempSync(join(tmpdir(), "s28-doctor-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function slash28(args: readonly string[], stdin = ""): Promise<{ status: number; out: string; err: string }> {
  const child = Bun.spawn([process.execPath, MAIN, ...args], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder },
    stdin: new TextEncoder().encode(stdin),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { status: await child.exited, out, err };
}

function file(name: string, text: string): string {
  mkdirSync(join(folder, name, ".."), { recursive: true });
  writeFileSync(join(folder, name), text);
  return name;
}

const EVENT =
  'Failed to create pod sandbox: plugin type="aws-cni" failed (add): add cmd: failed to assign an IP address to container';
const PASTE = `Pods hang since this morning:
> {"level":"error","ts":"2026-03-02T10:00:00.100Z","caller":"awsutils/awsutils.go:1","msg":"Failed to allocate a private IP/Prefix addresses on ENI eni-0aaa: operation error EC2: AssignPrivateIpAddresses, https response error StatusCode: 400, RequestID: 1, api error InsufficientCidrBlocks: The specified subnet does not have enough free cidr blocks to satisfy the request."}
> {"level":"error","ts":"2026-03-02T10:00:01.000Z","caller":"datastore/data_store.go:1","msg":"DataStore has no available IP/Prefix addresses"}
`;
const DENIED =
  '{"level":"error","ts":"2026-03-02T10:00:00.100Z","caller":"awsutils/awsutils.go:1","msg":"Failed to CreateNetworkInterface operation error EC2: CreateNetworkInterface, https response error StatusCode: 403, RequestID: 1, api error UnauthorizedOperation: You are not authorized to perform this operation. User: arn:aws:sts::123456789012:assumed-role/node/i-0aaa is not authorized to perform: ec2:CreateNetworkInterface on resource: arn:aws:ec2:us-west-2:123456789012:network-interface/* because no identity-based policy allows the ec2:CreateNetworkInterface action"}\n';

describe("slash28 doctor", () => {
  test("a pasted excerpt on standard input: suspected, with the command that decides, status 1", async () => {
    const ran = await slash28(["doctor", "-"], PASTE);
    expect(ran.status).toBe(1);
    expect(ran.out.split("\n")[0]).toBe("subnet-fragmented-no-free-28: suspected");
    expect(ran.out).toContain("aws ec2 describe-network-interfaces --filters Name=subnet-id");
    expect(ran.out).toContain("stdin:2");
  });

  test("--prove-fix without a VPC says what it lacks, in each form; the status stays the doctor's", async () => {
    const table = await slash28(["doctor", "-", "--prove-fix"], PASTE);
    expect(table.status).toBe(1);
    expect(table.out).toContain("Proof of the fix, in the simulator\n\nsubnet-fragmented-no-free-28: not simulated\n");
    expect(table.out).toContain("aws ec2 describe-subnets");
    const markdown = await slash28(["doctor", "-", "--prove-fix", "-o", "markdown"], PASTE);
    expect(markdown.out).toContain("subnet-fragmented-no-free-28: not simulated");
    const json = JSON.parse((await slash28(["doctor", "-", "--prove-fix", "-o", "json"], PASTE)).out) as {
      verdict: string;
      proof: { proofs: { outcome: string }[] };
    };
    expect(json.verdict).toBe("subnet-fragmented-no-free-28");
    expect(json.proof.proofs[0]?.outcome).toBe("not-simulated");
  }, 20_000);

  test("--scenario tries the fix on a cluster file, and what is wrong with one is told", async () => {
    const scenario = file(
      "scenario.yaml",
      `apiVersion: slash28/v1
kind: Cluster
subnets: [{ id: subnet-a, az: us-west-2a, cidr: 10.0.0.0/24 }]
nodeGroups: [{ name: general, instanceType: m5.large, count: 1, maxPods: 70 }]
cni: { policy: vpc-cni, env: { ENABLE_PREFIX_DELEGATION: "true", WARM_PREFIX_TARGET: "1" } }
workloads: [{ name: web, pods: 12, at: 10s }]
ec2: { createExhaustion: by-cause }
faults: [{ at: 0s, op: fragment, subnetId: subnet-a }]
run: { duration: 4m, seed: 1 }
`,
    );
    const ran = await slash28(["doctor", "-", "--prove-fix", "--scenario", scenario, "-o", "json"], PASTE);
    const { proof } = JSON.parse(ran.out) as { proof: { proofs: { outcome: string; text: string; mode: string }[] } };
    expect(proof.proofs[0]).toMatchObject({ outcome: "proved", mode: "scenario" });
    expect(proof.proofs[0]?.text).toBe("Pods waiting for an address: 12 of 12 before, 0 after.");
    expect((await slash28(["doctor", "-", "--scenario", scenario], PASTE)).status).toBe(2);
    expect((await slash28(["doctor", "-", "--prove-fix", "--scenario", "nowhere.yaml"], PASTE)).status).toBe(3);
  }, 20_000);

  test("the event alone decides nothing, and says what to fetch", async () => {
    const ran = await slash28(["doctor", "-", "-o", "json"], EVENT);
    const report = JSON.parse(ran.out) as { verdict: string; findings: unknown[]; next: { command: string }[] };
    expect(report).toMatchObject({ verdict: "insufficient-evidence", findings: [] });
    expect(report.next).toHaveLength(3);
    expect(ran.status).toBe(1);
  });

  test("what a person knows turns the suspicion into proof; notes are shown and prove nothing", async () => {
    const facts = file(
      "facts.yaml",
      "env: { ENABLE_PREFIX_DELEGATION: 'true' }\ncniVersion: v1.19.0\nsubnets: [{ id: subnet-0abc, cidr: 10.0.0.0/22, availableIpAddressCount: 500, freePrefixCount: 0 }]\nnotes: the account is throttled, I believe\n",
    );
    const ran = await slash28(["doctor", "-", "--facts", facts], PASTE);
    expect(ran.out.split("\n")[0]).toBe("subnet-fragmented-no-free-28: proved");
    expect(ran.out).toContain("no proof): the account is throttled, I believe");
    expect(ran.out).not.toContain("ec2-api-throttled");
  });

  test("a mistake in the facts file has its place and a suggestion, status 2", async () => {
    const ran = await slash28(["doctor", "--facts", file("typo.yaml", "cniVersion: v1.18.0\nsubnet: []\n")]);
    expect(ran.status).toBe(2);
    expect(ran.err).toContain('typo.yaml:2:1: unknown key "subnet"');
    expect(ran.err).toContain("subnets");
  });

  test("nothing named is a usage error, a path that is not there cannot be reached", async () => {
    expect((await slash28(["doctor"])).status).toBe(2);
    const gone = await slash28(["doctor", "no-such-folder"]);
    expect(gone.status).toBe(3);
    expect(gone.err).toContain("no-such-folder cannot be read: no such file or directory\n");
  });

  test("Markdown masks account and role unless told not to; both kinds quote the same line", async () => {
    file("denied/ipamd.log", DENIED);
    const masked = await slash28(["doctor", "denied", "-o", "markdown"]);
    expect(masked.out).toContain("UnauthorizedOperation");
    expect(masked.out).not.toContain("123456789012");
    const open = await slash28(["doctor", "denied", "-o", "markdown", "--no-redact"]);
    expect(open.out).toContain("123456789012");
  });

  test("a timeline of a pod that nobody names says so", async () => {
    const none = await slash28(["doctor", "denied", "--timeline", "shop/web-1"]);
    expect(none).toMatchObject({ status: 1, out: "Nothing that was read names shop/web-1.\n" });
    expect(none.err).toContain("  next: The name is namespace/pod, a node, an address or a /28.");
    expect(none.err).toContain("kubectl get events -A -o json");
    const pods = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { namespace: "shop", name: "web-7" },
      spec: {},
      status: {},
    };
    file("denied-pods/pods.json", JSON.stringify(pods));
    const near = await slash28(["doctor", "denied-pods", "--timeline", "shop/web-1"]);
    expect(near.err).toContain("  next: Was shop/web-7 meant? ");
  });

  test("a timeline says a log's line as a person reads it; JSON keeps the line", async () => {
    const line = `{"level":"info","ts":"2026-03-02T10:00:01.000Z","caller":"rpc/rpc.pb.go:1","msg":"Received AddNetwork for NS /run/netns/a, Pod web-1, NameSpace shop, \\"eth0\\""}`;
    file("line/ipamd.log", `${line}\n`);
    const shown = await slash28(["doctor", "line", "--timeline", "shop/web-1"]);
    expect(shown.out).toContain(
      '2026-03-02T10:00:01.000Z  log        info Received AddNetwork for NS /run/netns/a, Pod web-1, NameSpace shop, "eth0"\n',
    );
    const document = JSON.parse((await slash28(["doctor", "line", "--timeline", "shop/web-1", "-o", "json"])).out);
    expect(document.entries[0].text).toBe(line);
  });

  test("junk is listed, never a crash", async () => {
    file("junk/a.bin", "\u0000\u0001\u0002binary");
    file("junk/b.yaml", "a: [1, 2\nb: }");
    const ran = await slash28(["doctor", "junk", "-o", "json"]);
    const report = JSON.parse(ran.out) as { verdict: string; unread: { file: string; reason: string }[] };
    expect(report.verdict).toBe("insufficient-evidence");
    expect(report.unread.length).toBeGreaterThan(0);
    for (const one of report.unread) expect(one.reason).not.toBe("");
  });
});

describe("slash28 explain", () => {
  test("a pasted error names the class that it points to", async () => {
    const ran = await slash28([
      "explain",
      "api error InsufficientCidrBlocks: The specified subnet does not have enough free cidr blocks",
    ]);
    expect(ran.status).toBe(0);
    expect(ran.out).toContain("subnet-fragmented-no-free-28:");
    expect(ran.out).toContain("it does not prove it");
  });

  test("the sentence that all refusals share proves none", async () => {
    const ran = await slash28(["explain", EVENT]);
    expect(ran.out).toContain("The text is the same for every cause");
  });
});
