// What others do while a pod is wired: its namespace or its link goes at every moment there is, or another pod holds its name. And
// the bugs that verification, set-up of ENIs and DEL could have, each planted and caught.

import { describe, expect, test } from "bun:test";
import { everyFault, KINDS, Scene } from "../../test/datapath/scene.ts";
import { cidr, removalOf, SECONDARY } from "../../test/datapath/wiring-node.ts";
import type { Kernel } from "../netlink/kernel.ts";
import type { RuleSpec } from "../netlink/types.ts";
import { setUpEni } from "./enis.ts";
import { reconcileHost } from "./host.ts";
import { hostInterfaceOf } from "./identity.ts";
import { wirePod } from "./pods.ts";
import { seenKernel } from "./testing/seen-kernel.ts";
import type { PodWiring, WireOutcome } from "./types.ts";
import { removeLink, unwirePod } from "./unwire.ts";

const BRANCH = {
  ...{ vlanId: 5, mac: "02:00:00:00:00:55", gateway: SECONDARY.subnet.base + 1, trunkMac: SECONDARY.mac },
};
const PODS: Readonly<Record<string, Partial<PodWiring>>> = {
  "a pod of the primary ENI": { routeTableId: 254 },
  "a pod of a secondary ENI": {},
  "a branch pod, strict": { branch: { ...BRANCH, mode: "strict" } },
  "a branch pod, standard": { branch: { ...BRANCH, mode: "standard" } },
};

describe("at every moment of an ADD", () => {
  for (const [name, given] of Object.entries(PODS)) {
    for (const [event, interfere] of [
      ["the sandbox is torn down", ({ plain, pod }: Scene) => plain.networkAt(pod.netnsPath)?.destroy()],
      [
        "somebody deletes the link",
        ({ plain, pod }: Scene) => plain.host.apply([{ change: "deleteLink", link: hostInterfaceOf(pod) }]),
      ],
    ] as const) {
      test(`${name}: ${event}`, () => {
        const make = () => {
          const scene = new Scene(given);
          scene.faulty.interfere = () => {
            interfere(scene);
            if (event === "the sandbox is torn down") scene.node.lab.removeNamespace("web-0");
          };
          return scene;
        };
        const before = make().state();
        const seen = new Set<string>();
        everyFault(
          make,
          ({ faulty, pod }) => wirePod(faulty, pod),
          (scene, came, fault) => {
            const outcome = came as WireOutcome;
            seen.add(outcome.kind === "wired" ? "wired" : outcome.problem);
            if (outcome.kind === "failed") {
              expect({ fault, left: outcome.leftovers }).toEqual({ fault, left: [] });
              // A link that nobody has deleted goes with a sandbox that the runtime ends.
              expect({ fault, state: scene.state() }).toEqual({ fault, state: before });
            }
            expect({ fault, left: unwirePod(scene.faulty, removalOf(scene.pod)) }).toEqual({ fault, left: [] });
            scene.node.lab.removeNamespace("web-0");
            expect({ fault, state: scene.state() }).toEqual({ fault, state: before });
          },
          ["interference"],
        );
        if (event === "the sandbox is torn down") expect([...seen]).toContain("namespace-gone");
        expect(seen.size).toBeGreaterThan(1);
      });
    }
  }
});

interface Work {
  readonly wire: typeof wirePod;
  readonly unwire: typeof unwirePod;
  readonly removeLink: typeof removeLink;
  readonly reconcile: typeof reconcileHost;
  readonly setUp: typeof setUpEni;
}

const OURS: Work = { wire: wirePod, unwire: unwirePod, removeLink, reconcile: reconcileHost, setUp: setUpEni };

/** Another pod whose hash is the same has the link: refused, whatever else fails, and nothing of it is touched. */
function collisionHolds({ wire }: Work): void {
  const make = () => {
    const scene = new Scene({});
    const { plain, node, pod } = scene;
    const far = plain.openNamespace(node.lab.addNamespace("far"));
    const mac = "02:00:00:00:00:77";
    const name = hostInterfaceOf(pod);
    const alias = "slash28 aws-cni/of-rival/eth0 default/rival";
    node.change(
      { change: "addVeth", name, mac, mtu: 9001, peer: { name: "eth0", namespaceFd: far.fd } },
      { change: "setLink", link: name, alias, isUp: true },
    );
    far.close();
    return scene;
  };
  const clean = make();
  const before = clean.state();
  expect(wire(clean.faulty, clean.pod)).toMatchObject({ kind: "failed", problem: "name-taken" });
  expect(clean.state()).toEqual(before);
  everyFault(
    make,
    ({ faulty, pod }) => wire(faulty, pod),
    (scene, _, fault) => expect({ fault, state: scene.state() }).toEqual({ fault, state: before }),
  );
}

/** An ADD of a pod that is wired: nothing of it is missing for a moment, whatever fails. */
function repeatHolds({ wire }: Work): void {
  const make = () => {
    const scene = new Scene({});
    expect(wirePod(scene.faulty, scene.pod).kind).toBe("wired");
    scene.keep(scene.pod);
    return scene;
  };
  const before = make().state();
  everyFault(
    make,
    ({ faulty, pod }) => wire(faulty, pod),
    (scene, _, fault) => expect({ fault, state: scene.state() }).toEqual({ fault, state: before }),
    KINDS.filter((kind) => kind !== "refused"),
  );
}

/** A start: what is right is never missing, what is wrong goes, a stranger's stays. */
function startHolds({ reconcile, setUp }: Work): void {
  const make = () => {
    const scene = new Scene({});
    expect(wirePod(scene.faulty, scene.pod).kind).toBe("wired");
    scene.keep(scene.pod);
    return scene;
  };
  const wiring = (scene: Scene) => scene.wiring(scene.pod, scene.other);
  const right = make().state();
  const spoilt = () => {
    const scene = make();
    for (const rule of [
      { priority: 512, table: 254, to: cidr("10.0.101.7/32") },
      { priority: 1536, table: 2, from: cidr("10.0.101.7/32") },
      { priority: 1536, table: 3, from: cidr("10.0.101.5/32") },
      { priority: 1024, table: 254, mark: { value: 0x40, mask: 0x40 } },
    ])
      scene.node.change({ change: "addRule", rule });
    return scene;
  };
  for (const each of [make, spoilt]) {
    const scene = each();
    expect(reconcile(scene.faulty, wiring(scene)).problems).toEqual([]);
    setUp(scene.faulty, SECONDARY);
    expect({ state: scene.state(), gaps: scene.gaps }).toEqual({ state: right, gaps: [] });
    const strict = { ...wiring(scene), rules: { ...wiring(scene).rules, isLocalRuleMoved: true } };
    reconcile(scene.faulty, strict);
    reconcile(scene.faulty, wiring(scene));
    expect({ state: scene.state(), gaps: scene.gaps }).toEqual({ state: right, gaps: [] });
  }
}

/** A late DEL of a sandbox that another one has replaced, and one of the pod itself, twice. */
function endHolds({ unwire, removeLink: removeLate }: Work): void {
  const scene = new Scene({});
  const { faulty, node, pod } = scene;
  const before = scene.state();
  expect(wirePod(faulty, pod).kind).toBe("wired");
  const wired = scene.state();
  expect(removeLate(faulty, { ...removalOf(pod), attachment: { ...pod, containerId: "old" } })).toEqual([]);
  expect({ state: scene.state(), gaps: scene.gaps }).toEqual({ state: wired, gaps: [] });
  for (let i = 0; i < 2; i++) expect(unwire(faulty, removalOf(pod))).toEqual([]);
  // The link goes with the namespace; a route must not wait for that.
  const withoutLink = scene.state().filter((line) => !line.includes(`link ${hostInterfaceOf(pod)} `));
  expect({ state: withoutLink, gaps: scene.gaps }).toEqual({ state: before, gaps: [] });
  node.lab.removeNamespace("web-0");
  expect({ state: scene.state(), gaps: scene.gaps }).toEqual({ state: before, gaps: [] });
}

const PROMISES = { collisionHolds, repeatHolds, startHolds, endHolds };

test("a name that another pod holds, a repeat, a start, a late DEL", () => {
  for (const holds of Object.values(PROMISES)) holds(OURS);
});

const rulesAt = (kernel: Kernel, ...priorities: number[]): RuleSpec[] =>
  kernel.host.rules().flatMap(({ isPlain: _, ...rule }) => (priorities.includes(rule.priority) ? [rule] : []));

const MUTANTS: Readonly<
  Record<string, { readonly work: Partial<Work>; readonly caughtBy: keyof typeof PROMISES; readonly says: string }>
> = {
  "ADD does not look at the alias": {
    caughtBy: "collisionHolds",
    says: '"name-taken"',
    work: {
      wire: (kernel, pod) =>
        wirePod(
          seenKernel(kernel, (host) => ({
            link(name) {
              const link = host.link(name);
              return link === undefined ? undefined : { ...link, alias: "" };
            },
          })),
          pod,
        ),
    },
  },
  "ADD deletes whatever link has the name": {
    caughtBy: "collisionHolds",
    says: '"name-taken"',
    work: {
      wire(kernel, pod) {
        kernel.host.apply([{ change: "deleteLink", link: hostInterfaceOf(pod) }]);
        return wirePod(kernel, pod);
      },
    },
  },
  "ADD again begins with a DEL": {
    caughtBy: "repeatHolds",
    says: '-     "rule 1536: from 10.0.101.5 lookup 2',
    work: {
      wire(kernel, pod) {
        unwirePod(kernel, removalOf(pod));
        return wirePod(kernel, pod);
      },
    },
  },
  "a start flushes the pods' rules and makes them again": {
    caughtBy: "startHolds",
    says: "no rule 512: from all to 10.0.101.9 lookup main",
    work: {
      reconcile(kernel, host) {
        const ours = rulesAt(kernel, 512, 1536).filter((rule) => rule.table !== 77);
        kernel.host.apply(ours.map((rule) => ({ change: "deleteRule", rule })));
        return reconcileHost(kernel, host);
      },
    },
  },
  "a start takes every rule of its priorities for its own": {
    caughtBy: "startHolds",
    says: "no rule 1536: from 192.168.7.7 lookup 77",
    work: {
      reconcile(kernel, host) {
        const report = reconcileHost(kernel, host);
        const known = new Set(host.pods.map((pod) => pod.address));
        const alien = rulesAt(kernel, 512, 1536).filter((rule) => !known.has((rule.to ?? rule.from)?.base ?? 0));
        kernel.host.apply(alien.map((rule) => ({ change: "deleteRule", rule })));
        return report;
      },
    },
  },
  "a start does not see the rules of an address's old ENI": {
    caughtBy: "startHolds",
    says: "rule 1536: from 10.0.101.5 lookup 3",
    work: {
      reconcile: (kernel, host) =>
        reconcileHost(
          seenKernel(kernel, (plain) => ({ rules: () => plain.rules().filter((rule) => rule.table !== 3) })),
          host,
        ),
    },
  },
  "the local rule moves by a deletion and an addition": {
    caughtBy: "startHolds",
    says: "no local table",
    work: {
      reconcile(kernel, host) {
        kernel.host.apply(rulesAt(kernel, 0, 20).map((rule) => ({ change: "deleteRule", rule })));
        return reconcileHost(kernel, host);
      },
    },
  },
  "a start deletes the routes through links of pods and makes them again": {
    caughtBy: "startHolds",
    says: "no route to 10.0.101.9 through",
    work: {
      reconcile(kernel, host) {
        kernel.host.apply(
          host.pods.map(({ address: base }) => ({
            change: "deleteRoute",
            route: { table: 254, destination: { base, prefixLength: 32 }, linkIndex: 0, scope: "link" },
          })),
        );
        return reconcileHost(kernel, host);
      },
    },
  },
  "an ENI that is right loses its address and gets it again": {
    caughtBy: "startHolds",
    says: "no address of the ENI",
    work: {
      setUp(kernel, eni) {
        const linkIndex = kernel.host.link("eth1")?.index ?? 0;
        const { primaryAddress: address, subnet } = eni;
        kernel.host.apply([{ change: "deleteAddress", linkIndex, address, prefixLength: subnet.prefixLength }]);
        setUpEni(kernel, eni);
      },
    },
  },
  "an ENI gets the MTU of a veth": {
    caughtBy: "startHolds",
    says: "link eth1 veth up mtu 1500",
    work: { setUp: (kernel, eni) => setUpEni(kernel, { ...eni, mtu: 1500 }) },
  },
  "DEL leaves rule 1536": {
    caughtBy: "endHolds",
    says: "rule 1536: from 10.0.101.5 lookup 2",
    work: {
      unwire: (kernel, removal) =>
        unwirePod(
          seenKernel(kernel, (plain) => ({ rules: () => plain.rules().filter((rule) => rule.priority !== 1536) })),
          removal,
        ),
    },
  },
  "DEL leaves the route": {
    caughtBy: "endHolds",
    says: '+     "route table main 10.0.101.5/32 dev',
    work: {
      unwire: (kernel, removal) =>
        unwirePod(
          seenKernel(kernel, (plain) => ({
            apply: (changes) =>
              changes.map((change) =>
                change.change === "deleteRoute" ? { errno: 0, message: "" } : plain.apply([change])[0]!,
              ),
          })),
          removal,
        ),
    },
  },
  "DEL deletes every rule of its ENI's table": {
    caughtBy: "endHolds",
    says: "no rule 1536: from 10.0.101.9 lookup 2",
    work: {
      unwire(kernel, removal) {
        const ofTable = rulesAt(kernel, 1536).filter((rule) => rule.table === 2);
        kernel.host.apply(ofTable.map((rule) => ({ change: "deleteRule", rule })));
        return unwirePod(kernel, removal);
      },
    },
  },
  "a late DEL deletes the link of the new sandbox": {
    caughtBy: "endHolds",
    says: "link eni0d7763386da veth",
    work: {
      removeLink(kernel, { hostInterface }) {
        kernel.host.apply([{ change: "deleteLink", link: hostInterface }]);
        return [];
      },
    },
  },
};

describe("a planted bug is caught", () => {
  for (const [name, { work, caughtBy, says }] of Object.entries(MUTANTS)) {
    test(name, () => {
      let complaint = "";
      try {
        PROMISES[caughtBy]({ ...OURS, ...work });
      } catch (error) {
        complaint = (error as Error).message;
      }
      expect(complaint).toContain(says);
    });
  }
});
