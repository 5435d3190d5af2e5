// Pool against metadata and EC2 (ipamd.md section 7): what is believed, what is taken away, and when.

import { describe, expect, test } from "bun:test";
import { parseIpv4 } from "../base/ipv4.ts";
import {
  attachOutside,
  counter,
  held,
  loggedAtMs,
  M5_LARGE,
  PREFIX_MODE,
  quirkCount,
  replaceOutcomes,
  showInMetadata,
} from "./testing/live-node.ts";
import { TestNode, type TestNodeOptions } from "./testing/test-node.ts";

const ip = (text: string) => parseIpv4(text)!;
const started = (options: TestNodeOptions = {}) => new TestNode({ env: QUIET, instance: M5_LARGE, ...options }).start();
/** Prefix mode without the background job that lists detached ENIs. */
const QUIET = { ...PREFIX_MODE, DISABLE_LEAKED_ENI_CLEANUP: "true" };
const RECONCILE = "Reconciling ENI/IP pool info";

/** A node with a warm pool already, so that boot does nothing to it. */
const warm = () => ({ primary: { prefixes: [ip("10.0.1.0")] } });
/** One with room for a pod without growth. */
const roomy = () => ({
  primary: { prefixes: [ip("10.0.1.0"), ip("10.0.2.0")] },
  env: { ...QUIET, WARM_PREFIX_TARGET: "2", WARM_IP_TARGET: "1", MINIMUM_IP_TARGET: "32" },
});

describe("when", () => {
  test("[ipamd 7.1] the first reconcile comes 5 s after a start that took nothing from EC2", () => {
    const node = started(warm()).run(70_000);
    expect(loggedAtMs(node, RECONCILE)[0]).toBe(5_000);
    expect(node.logged("because time since last 2562047h47m16s > 1m0s")).toBe(true);
  });

  test("[ipamd 7.1, 4.1] more than 60 s after the last pool action, at the end of a pass", () => {
    const node = started().run(200_000);
    // Pre-scaling acted at 0; 60 s on the dot is not more than 60 s.
    expect(loggedAtMs(node, RECONCILE)).toEqual([65_000, 130_000, 195_000]);
  });

  test("[ipamd 7.1, 10.1#24] a node that grows once a minute never reconciles; one that waits for a trunk does every 5 s", () => {
    const busy = started({ instance: { enis: 15, ipv4PerEni: 50 }, maxPods: 737 });
    for (let pod = 1; pod <= 200; pod++) {
      busy.add(pod);
      busy.run(3_000);
    }
    const growths = busy.calls.filter((call) => call.intention.action === "AssignPrivateIpAddresses");
    expect(growths.length).toBeGreaterThan(10);
    expect(loggedAtMs(busy, RECONCILE)).toEqual([]);
    const waiting = started({ env: { ...QUIET, ENABLE_POD_ENI: "true" } }).run(31_000);
    expect(loggedAtMs(waiting, RECONCILE)).toEqual([5_000, 10_000, 15_000, 20_000, 25_000, 30_000]);
  });

  test("[ipamd 7.1, 4.5.3] a type that can carry no trunk waits for one for ever, without keeping a place for it", () => {
    const env = { ...QUIET, ENABLE_POD_ENI: "true" };
    const node = started({ env, trunkCapable: false, instance: { enis: 2, ipv4PerEni: 2 } }).run(11_000);
    expect(loggedAtMs(node, RECONCILE)).toEqual([5_000, 10_000]);
    node.addMany(1, 16);
    node.run(5_000);
    expect(node.enis.size).toBe(2);
  });

  test("[ipamd 7.3, 8.2] a pool that agrees with metadata costs no EC2 call", () => {
    const node = started();
    const before = node.calls.length;
    node.run(600_000);
    expect(loggedAtMs(node, RECONCILE).length).toBe(9);
    expect(node.calls.length).toBe(before);
  });
});

describe("ENIs", () => {
  test("[ipamd 7.2.1, 11.6#15] metadata that fails or is empty aborts it: nothing changes, the next pass tries again", () => {
    const node = started(warm());
    node.imdsError = "metadata is away";
    node.run(12_000);
    expect(loggedAtMs(node, RECONCILE)).toEqual([5_000, 10_000]);
    node.imdsError = undefined;
    showInMetadata(node, () => []);
    node.run(5_000);
    expect(counter(node, "awscni_ipamd_error_count", "reconcileFailedGetENIs")).toBe(3);
    expect(held(node, "eni-1").prefixes).toEqual([ip("10.0.1.0")]);
    showInMetadata(node, (enis) => enis);
    node.run(20_000);
    expect(loggedAtMs(node, "Successfully Reconciled")).toEqual([20_000]);
  });

  test("[ipamd 7.2.2] a new ENI costs one describe of all, gets its tags, and serves what it holds", () => {
    const node = started(warm());
    attachOutside(node, { eniId: "eni-x", primaryAddress: ip("10.0.9.9"), prefixes: [ip("10.0.2.0")] });
    const from = node.calls.length;
    node.run(6_000);
    expect(node.calls.slice(from).map((call) => call.intention)).toMatchObject([
      { action: "DescribeNetworkInterfaces", eniIds: ["eni-1", "eni-x"] },
      { action: "CreateTags", resourceId: "eni-x" },
      { action: "DescribeSubnets" },
    ]);
    expect(held(node, "eni-x").prefixes).toEqual([ip("10.0.2.0")]);
    expect(counter(node, "awscni_reconcile_count", "eniReconcileAdd")).toBe(1);
  });

  test("[ipamd 7.2.2] a trunk is neither tagged nor given addresses, and is known from then on", () => {
    const node = started({ ...warm(), env: { ...QUIET, ENABLE_POD_ENI: "true" } });
    attachOutside(node, { eniId: "eni-t", primaryAddress: ip("10.0.9.9"), interfaceType: "trunk" });
    const from = node.calls.length;
    node.run(6_000);
    expect(node.callNames().slice(from)).toEqual(["DescribeNetworkInterfaces", "DescribeSubnets"]);
    expect(node.engine.view(node.nowMs).trunkEniId).toBe("eni-t");
  });

  test("[ipamd 7.2.2] the describe of a new ENI failing aborts the reconcile", () => {
    const node = started(warm());
    attachOutside(node, { eniId: "eni-x", primaryAddress: ip("10.0.9.9") });
    node.refuse("DescribeNetworkInterfaces", "InvalidParameterValue", "no");
    node.run(8_000);
    expect(held(node, "eni-x").prefixes).toEqual([]);
    expect(node.engine.view(node.nowMs).enis.length).toBe(1);
    expect(node.logged("Successfully Reconciled")).toBe(false);
    node.heal();
    node.run(6_000);
    expect(node.engine.view(node.nowMs).enis.length).toBe(2);
  });

  test("[ipamd 7.2.2, 5.3] an ENI whose host network fails is skipped and tried again by the next reconcile", () => {
    const node = started(warm());
    attachOutside(node, { eniId: "eni-x", primaryAddress: ip("10.0.9.9"), prefixes: [ip("10.0.2.0")] });
    node.hostError = "no link";
    node.run(6_000);
    expect(counter(node, "awscni_ipamd_error_count", "eniReconcileAdd")).toBe(1);
    expect(node.engine.view(node.nowMs).enis.length).toBe(1);
    node.hostError = undefined;
    node.run(65_000);
    expect(held(node, "eni-x").prefixes).toEqual([ip("10.0.2.0")]);
  });

  test("[ipamd 7.2.3, 7.2.4] an ENI that metadata shows no more leaves with its pods, without a second look at EC2", () => {
    const node = started({ extraEnis: [{ eniId: "eni-2", prefixes: [ip("10.0.2.0")] }], primary: {} });
    const first = node.add(1);
    expect(first).toMatchObject({ kind: "allocated", address: ip("10.0.2.0") });
    node.enis.get("eni-2")!.attachmentId = undefined;
    const from = node.calls.length;
    node.run(70_000);
    expect(node.logged("Force removing eni eni-2 with 1 assigned pods")).toBe(true);
    expect(counter(node, "awscni_force_removed_enis")).toBe(1);
    expect(node.engine.addressOf(1)).toBeUndefined();
    expect(node.saved).toEqual([]);
    expect(node.callNames().slice(from)).not.toContain("DescribeNetworkInterfaces");
    expect(quirkCount(node, "10.1#18")).toBe(1);
  });
});

describe("CIDRs", () => {
  test("[ipamd 7.3] metadata that misses a prefix is not believed: EC2 is asked, and what it lists stays", () => {
    const node = started(roomy());
    const { address } = node.add(1) as { address: number };
    showInMetadata(node, (enis) => enis.map((eni) => ({ ...eni, prefixes: [] })));
    const from = node.calls.length;
    node.run(6_000);
    expect(node.logged("Instance metadata does not match data store!")).toBe(true);
    expect(node.callNames().slice(from)).toEqual(["DescribeNetworkInterfaces"]);
    expect(node.engine.addressOf(1)).toBe(address);
  });

  test("[ipamd 7.3, 11.6#14] metadata shows no prefix: with EC2 away all stays, with EC2 listing it all stays, with none it goes", () => {
    const node = started(warm());
    showInMetadata(node, (enis) => enis.map((eni) => ({ ...eni, prefixes: [] })));
    node.refuse("DescribeNetworkInterfaces", "InvalidParameterValue", "no");
    node.run(6_000);
    expect(held(node, "eni-1").prefixes.length).toBe(1);
    node.heal();
    node.run(65_000);
    expect(held(node, "eni-1").prefixes.length).toBe(1);
    node.enis.get("eni-1")!.prefixes = [];
    node.run(65_000);
    expect(loggedAtMs(node, "Successfully Reconciled").length).toBe(3);
    expect(counter(node, "awscni_reconcile_count", "eniIPPoolReconcileDel")).toBe(1);
    expect(held(node, "eni-1").prefixes).not.toContain(ip("10.0.1.0"));
  });

  test("[ipamd 7.3] CIDRs of both kinds that were assigned from outside come in, in either mode", () => {
    const node = started(warm());
    node.enis.get("eni-1")!.prefixes.push(ip("10.0.3.0"));
    node.enis.get("eni-1")!.addresses.push(ip("10.0.4.4"));
    node.run(6_000);
    expect(held(node, "eni-1")).toEqual({
      prefixes: [ip("10.0.1.0"), ip("10.0.3.0")],
      addresses: [ip("10.0.4.4")],
    });
    expect(counter(node, "awscni_reconcile_count", "eniDataStorePoolReconcileAdd")).toBe(3);
  });

  test("[ipamd 7.3, 10.1#18] a CIDR that EC2 lists no more is deleted with its pods, whose DEL is then unknown", () => {
    const node = started(roomy());
    node.add(1);
    node.enis.get("eni-1")!.prefixes = [];
    node.run(6_000);
    expect(counter(node, "awscni_force_removed_ips")).toBe(1);
    expect(quirkCount(node, "10.1#18")).toBe(1);
    expect(node.del(1)).toEqual({ kind: "unknownAttachment", attachment: 1 });
    expect(node.saved).toEqual([]);
  });

  test("[ipamd 7.3, 4.1] for 60 s after we gave a prefix back, metadata that still shows it is not believed", () => {
    const node = started({ primary: { prefixes: [ip("10.0.1.0"), ip("10.0.2.0"), ip("10.0.3.0")] } });
    node.run(3_000); // The first shrink returns two.
    const [kept] = held(node, "eni-1").prefixes;
    const returned = [ip("10.0.1.0"), ip("10.0.2.0"), ip("10.0.3.0")].filter((base) => base !== kept);
    showInMetadata(node, (enis) => enis.map((eni) => ({ ...eni, prefixes: [kept!, ...returned] })));
    node.enis.get("eni-1")!.prefixes = [kept!, ...returned]; // EC2 lists them too: the release was lost on its side.
    attachOutside(node, { eniId: "eni-t", primaryAddress: ip("10.0.9.9"), visibleFromMs: 1e9 });
    node.run(57_000);
    expect(held(node, "eni-1").prefixes).toEqual([kept!]);
    node.run(6_000); // At 65 s, more than 60 s after the release: believed, after a look at EC2.
    expect(held(node, "eni-1").prefixes.length).toBe(3);
  });

  test("[ipamd 7.3] a prefix that came back within its 60 s is skipped, so a reconcile in between takes it from its pods", () => {
    // Only a node that waits for a trunk reconciles that soon after a release.
    const env = { ...QUIET, WARM_IP_TARGET: "1", ENABLE_POD_ENI: "true" };
    const node = started({ env, primary: { prefixes: [ip("10.0.0.16"), ip("10.0.0.32")] } });
    node.run(4_000);
    expect(held(node, "eni-1").prefixes.length).toBe(1);
    node.addMany(1, 16);
    node.run(4_000); // The lowest block is assigned again at 7.5 s, the reconcile at 10 s skips it.
    expect(held(node, "eni-1").prefixes.length).toBe(2);
    expect(node.add(17).kind).toBe("allocated");
    node.run(2_500);
    expect(node.logged("because it was recently unassigned from the ENI")).toBe(true);
    expect(node.engine.addressOf(17)).toBeUndefined();
    expect(quirkCount(node, "10.1#18")).toBe(1);
  });

  test("[ipamd 7.3] a CIDR whose 60 s are over is verified once with EC2, though pool and metadata agree", () => {
    const env = { ...QUIET, WARM_IP_TARGET: "1" };
    const node = started({ env, primary: { prefixes: [ip("10.0.0.16"), ip("10.0.0.32")] } });
    node.run(4_000);
    node.addMany(1, 16);
    node.run(4_000); // Back in the pool at 7.5 s, so the reconcile comes at 70 s.
    expect(held(node, "eni-1").prefixes.length).toBe(2);
    const from = node.calls.length;
    node.run(65_000);
    expect(node.callNames().slice(from)).toEqual(["DescribeNetworkInterfaces"]);
    expect(held(node, "eni-1").prefixes.length).toBe(2);
    node.run(65_000);
    expect(node.calls.length).toBe(from + 1);
  });

  test("[ipamd 7.3] the verification failing leaves all as it is; a CIDR that EC2 does not list goes", () => {
    const env = { ...QUIET, WARM_IP_TARGET: "1" };
    const node = started({ env, primary: { prefixes: [ip("10.0.0.16"), ip("10.0.0.32")] } });
    node.run(4_000);
    node.addMany(1, 16);
    node.run(4_000);
    const shown = [...node.enis.get("eni-1")!.prefixes];
    showInMetadata(node, (enis) => enis.map((eni) => ({ ...eni, prefixes: shown })));
    node.refuse("DescribeNetworkInterfaces", "InvalidParameterValue", "no");
    node.run(65_000);
    expect(held(node, "eni-1").prefixes.length).toBe(2);
    node.heal();
    const returned = node.calls.flatMap((call) =>
      call.intention.action === "UnassignPrivateIpAddresses" ? call.intention.prefixes : [],
    );
    node.enis.get("eni-1")!.prefixes = shown.filter((base) => !returned.includes(base));
    node.run(65_000);
    expect(node.logged("EC2 does not list it")).toBe(true);
    expect(counter(node, "awscni_reconcile_count", "eniIPPoolReconcileDel")).toBe(1);
  });
});

describe("other jobs", () => {
  test("[ipamd 7.4] security groups are read every 30 s, written to every ENI when they changed, and a failed write is not repeated", () => {
    const node = started({ extraEnis: [{ eniId: "eni-2", interfaceType: "efa" }] });
    const writes = () => node.calls.filter((call) => call.intention.action === "SetSecurityGroups");
    expect(writes().length).toBe(2); // The first read always changes.
    node.run(120_000);
    expect(writes().length).toBe(2);
    node.securityGroupIds = ["sg-9", "sg-1"];
    node.refuse("SetSecurityGroups", "InvalidGroup.NotFound", "no such group");
    node.run(31_000);
    expect(writes().length).toBe(4);
    expect(writes().at(-1)!.intention).toMatchObject({ securityGroupIds: ["sg-1", "sg-9"] });
    node.heal();
    node.run(120_000);
    expect(writes().length).toBe(4);
  });

  test("[ipamd 7.4] under custom networking the groups of the primary ENI are read and not written", () => {
    const eniConfig = { name: "a", subnetId: "subnet-1", securityGroupIds: ["sg-pods"] };
    const env = { ...QUIET, AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: "true" };
    const node = started({ env, eniConfig });
    node.securityGroupIds = ["sg-2"];
    node.run(60_000);
    expect(node.calls.some((call) => call.intention.action === "SetSecurityGroups")).toBe(false);
    expect(node.effects.filter((effect) => effect.kind === "observe" && effect.what === "securityGroups").length).toBe(
      3,
    );
  });

  test("[ipamd 7.4] after boot a failed read of the groups is only logged", () => {
    const node = started();
    replaceOutcomes(node, (effect) =>
      effect.kind === "observe" && effect.what === "securityGroups" ? { kind: "failed", message: "away" } : undefined,
    );
    node.run(31_000);
    expect(node.exit).toBeUndefined();
    expect(node.add(1).kind).toBe("allocated");
  });
});
