// A fault at every message: whatever the kernel refuses, and wherever the agent dies, an ADD leaves nothing or the whole, other pods
// and strangers notice nothing, and the next ADD, DEL or start puts everything right.

import { describe, expect, test } from "bun:test";
import { everyFault, Scene } from "../../test/datapath/scene.ts";
import { address, cidr, removalOf, SECONDARY } from "../../test/datapath/wiring-node.ts";
import { checkPod } from "./check.ts";
import { setUpEni } from "./enis.ts";
import { reconcileHost } from "./host.ts";
import { wirePod } from "./pods.ts";
import { Death, type PlantedBug } from "./testing/faulty-kernel.ts";
import type { HostWiring, PodWiring } from "./types.ts";
import { removeLink, unwirePod } from "./unwire.ts";

const BRANCH = { vlanId: 5, mac: "02:00:00:00:00:55", gateway: address("10.0.96.1"), trunkMac: "02:00:00:00:00:02" };
const CASES: Readonly<
  Record<string, { readonly given: Partial<PodWiring>; readonly before?: (scene: Scene) => void }>
> = {
  "a fresh pod of the primary ENI": { given: { routeTableId: 254 } },
  "a fresh pod of a secondary ENI": { given: {} },
  "an address that another ENI had": {
    given: {},
    before: ({ node, pod }) =>
      node.change({
        change: "addRule",
        rule: { priority: 1536, table: 3, from: { base: pod.address, prefixLength: 32 } },
      }),
  },
  "the place of an older sandbox": {
    given: {},
    before: ({ node, faulty, pod }) => {
      const old = node.pod("old", "10.0.101.5", { podName: pod.podName, containerId: "old" });
      expect(wirePod(faulty, old).kind).toBe("wired");
    },
  },
  "a pod that is half wired": {
    given: {},
    before: ({ node, faulty, pod }) => {
      expect(wirePod(faulty, pod).kind).toBe("wired");
      node.change({
        change: "deleteRule",
        rule: { priority: 512, table: 254, to: { base: pod.address, prefixLength: 32 } },
      });
    },
  },
  "a pod that is wired": {
    given: {},
    before: ({ faulty, pod }) => expect(wirePod(faulty, pod).kind).toBe("wired"),
  },
  "a branch pod, strict": { given: { branch: { ...BRANCH, mode: "strict" } } },
  "a branch pod, standard": { given: { branch: { ...BRANCH, mode: "standard" } } },
};

function madeBy({ given, before }: (typeof CASES)[string]): () => Scene {
  return () => {
    const scene = new Scene(given);
    before?.(scene);
    return scene;
  };
}

/** The end of the pod, as a runtime brings it about. */
function end(scene: Scene): void {
  const { faulty, node, pod } = scene;
  expect(unwirePod(faulty, removalOf(pod))).toEqual([]);
  for (const name of ["web-0", "old"]) node.lab.removeNamespace(name);
  expect(removeLink(faulty, removalOf(pod))).toEqual([]);
}

/** Everything that is promised of an ADD, with a fault at every message. Returns the number of faults. */
function addHolds(make: () => Scene, options: { readonly isFresh: boolean }): number {
  const clean = make();
  const before = clean.state();
  expect(wirePod(clean.faulty, clean.pod).kind).toBe("wired");
  const wired = clean.state();
  end(clean);
  const gone = clean.state();
  return everyFault(
    make,
    ({ faulty, pod }) => wirePod(faulty, pod),
    (scene, came, fault) => {
      const { faulty, pod, other } = scene;
      if (!(came instanceof Death)) {
        const outcome = came as ReturnType<typeof wirePod>;
        if (outcome.kind === "wired") expect(scene.state()).toEqual(wired);
        else {
          expect({ fault, left: outcome.leftovers }).toEqual({ fault, left: [] });
          // What stood in its place of the same pod's may have gone; nothing of the new one may be there.
          if (options.isFresh) expect({ fault, state: scene.state() }).toEqual({ fault, state: before });
          expect(outcome.next).not.toBe("");
        }
      }
      expect(checkPod(faulty, other)).toEqual([]);
      // The runtime tries again, and then ends it.
      expect({ fault, outcome: wirePod(faulty, pod).kind }).toEqual({ fault, outcome: "wired" });
      expect({ fault, found: checkPod(faulty, pod) }).toEqual({ fault, found: [] });
      expect({ fault, state: scene.state() }).toEqual({ fault, state: wired });
      end(scene);
      expect({ fault, state: scene.state() }).toEqual({ fault, state: gone });
    },
  );
}

describe("ADD", () => {
  for (const [name, given] of Object.entries(CASES)) {
    test(`${name}: a fault at every message`, () => {
      const isFresh = given.before === undefined || name.startsWith("an address");
      expect(addHolds(madeBy(given), { isFresh })).toBeGreaterThan(10);
    });
  }

  test("after the agent's death its next start leaves what is whole, and removes what nobody will ask for", () => {
    for (const given of [CASES["a fresh pod of the primary ENI"]!, CASES["a fresh pod of a secondary ENI"]!]) {
      const make = madeBy(given);
      const before = make().state();
      everyFault(
        make,
        ({ faulty, pod }) => wirePod(faulty, pod),
        (scene, came, fault) => {
          if (!(came instanceof Death)) return;
          const { faulty, node, pod, other } = scene;
          // The sandbox went, and no DEL ever came: the link goes with it, the rules do not.
          node.lab.removeNamespace("web-0");
          const report = reconcileHost(faulty, scene.wiring(other));
          expect({ fault, problems: report.problems }).toEqual({ fault, problems: [] });
          expect({ fault, state: scene.state() }).toEqual({ fault, state: before });
          expect(pod.address).not.toBe(other.address);
        },
      );
    }
  });
});

describe("DEL", () => {
  for (const [name, given] of Object.entries(CASES)) {
    test(`${name}: a fault at every message, and a DEL again`, () => {
      const make = () => {
        const scene = madeBy(given)();
        expect(wirePod(scene.faulty, scene.pod).kind).toBe("wired");
        return scene;
      };
      const clean = make();
      unwirePod(clean.faulty, removalOf(clean.pod));
      const unwired = clean.state();
      everyFault(
        make,
        ({ faulty, pod }) => unwirePod(faulty, removalOf(pod)),
        (scene, came, fault) => {
          const { faulty, pod } = scene;
          const isLeft = Array.isArray(came) && came.length > 0;
          // What it does not name as left is gone.
          if (Array.isArray(came) && !isLeft)
            expect({ fault, state: scene.state() }).toEqual({ fault, state: unwired });
          expect({ fault, left: unwirePod(faulty, removalOf(pod)) }).toEqual({ fault, left: [] });
          expect({ fault, state: scene.state() }).toEqual({ fault, state: unwired });
        },
      );
    });
  }
});

describe("the node", () => {
  test("a start with much to put right: a fault at every message, and the next one ends it", () => {
    const make = () => {
      const scene = new Scene({});
      const { node, faulty, pod } = scene;
      expect(wirePod(faulty, pod).kind).toBe("wired");
      scene.keep(pod);
      for (const rule of [
        { priority: 1536, table: 2, from: cidr("10.0.101.7/32") },
        { priority: 512, table: 254, to: cidr("10.0.101.7/32") },
        { priority: 1536, table: 3, from: cidr("10.0.101.5/32") },
        { priority: 1024, table: 254, mark: { value: 0x40, mask: 0x40 } },
      ])
        node.change({ change: "addRule", rule });
      node.change({ change: "setLink", link: "eth1", mtu: 1500 });
      node.change({ change: "deleteRule", rule: { priority: 1024, table: 254, mark: { value: 0x80, mask: 0x80 } } });
      node.change({ change: "deleteRule", rule: { priority: 32765, table: 2, from: cidr("10.0.100.20/32") } });
      return scene;
    };
    const pods = ({ pod, other }: Scene) => [pod, other];
    const strict = (scene: Scene): HostWiring => {
      const wiring = scene.wiring(...pods(scene));
      return { ...wiring, rules: { ...wiring.rules, isLocalRuleMoved: true } };
    };
    for (const wanted of [(scene: Scene) => scene.wiring(...pods(scene)), strict]) {
      const clean = make();
      expect(reconcileHost(clean.faulty, wanted(clean)).problems).toEqual([]);
      const right = clean.state();
      expect(reconcileHost(clean.faulty, wanted(clean)).repairs).toEqual([]);
      everyFault(
        make,
        (scene) => reconcileHost(scene.faulty, wanted(scene)),
        (scene, came, fault) => {
          if (!(came instanceof Death)) {
            const { problems } = came as ReturnType<typeof reconcileHost>;
            expect({ fault, isSaid: problems.length > 0 || scene.state().join() === right.join() }).toEqual({
              fault,
              isSaid: true,
            });
          }
          expect({ fault, problems: reconcileHost(scene.faulty, wanted(scene)).problems }).toEqual({
            fault,
            problems: [],
          });
          expect({ fault, state: scene.state() }).toEqual({ fault, state: right });
        },
      );
    }
  });

  test("a new ENI: a fault at every message, and the next try ends it", () => {
    const make = () => {
      const scene = new Scene({});
      scene.plain.host.addDevice({ name: "eth2", mac: "02:00:00:00:00:03" });
      return scene;
    };
    const eni = { ...SECONDARY, mac: "02:00:00:00:00:03", primaryAddress: address("10.0.100.30"), routeTableId: 3 };
    const clean = make();
    setUpEni(clean.faulty, eni);
    const right = clean.state();
    everyFault(
      make,
      (scene) => {
        try {
          setUpEni(scene.faulty, eni);
          return "done";
        } catch (error) {
          if (error instanceof Death) throw error;
          return (error as Error).message;
        }
      },
      (scene, came, fault) => {
        if (came === "done") expect({ fault, state: scene.state() }).toEqual({ fault, state: right });
        setUpEni(scene.faulty, eni);
        expect({ fault, state: scene.state() }).toEqual({ fault, state: right });
      },
    );
  });
});

describe("a planted bug is caught", () => {
  const SECONDARY_POD = CASES["a fresh pod of a secondary ENI"]!;
  const OLD_ENI = CASES["an address that another ENI had"]!;
  const STRANGER = { priority: 1536, table: 77, from: cidr("192.168.7.7/32") };
  const OTHER_RULE = { priority: 1536, table: 2, from: cidr("10.0.101.9/32") };
  const bugs: Readonly<Record<string, { readonly bug: PlantedBug; readonly given?: (typeof CASES)[string] }>> = {
    "rules are not rolled back": {
      bug: (change, { hasFailed }) => (hasFailed && change.change === "deleteRule" ? [] : [change]),
    },
    "the link is not rolled back": {
      bug: (change, { hasFailed }) => (hasFailed && change.change === "deleteLink" ? [] : [change]),
    },
    "a stranger's rule goes with ours": {
      bug: (change) => (change.change === "deleteRule" ? [change, { change: "deleteRule", rule: STRANGER }] : [change]),
    },
    "another pod's rule is deleted and made again": {
      bug: (change) =>
        change.change === "addVeth"
          ? [{ change: "deleteRule", rule: OTHER_RULE }, { change: "addRule", rule: OTHER_RULE }, change]
          : [change],
    },
    "the local rule is deleted before its successor stands": {
      bug: (change) =>
        change.change === "addRule" && change.rule.priority === 512
          ? [
              { change: "deleteRule", rule: { priority: 0, table: 255 } },
              { change: "addRule", rule: { priority: 0, table: 255 } },
              change,
            ]
          : [change],
    },
    "rule 1536 is forgotten": {
      bug: (change) => (change.change === "addRule" && change.rule.priority === 1536 ? [] : [change]),
    },
    "the rule of the address's old ENI stays": {
      given: OLD_ENI,
      bug: (change) => (change.change === "deleteRule" && change.rule.table === 3 ? [] : [change]),
    },
    "the MTU is another": { bug: (change) => [change.change === "addVeth" ? { ...change, mtu: 1500 } : change] },
    "the pod has no neighbour entry": { bug: (change) => (change.change === "setNeighbour" ? [] : [change]) },
    "the host's end stays down": {
      bug: (change) => [
        change.change === "setLink" && change.alias !== undefined ? { ...change, isUp: false } : change,
      ],
    },
    "the link does not say whose it is": {
      bug: (change) => [
        change.change === "setLink" && change.alias !== undefined ? { ...change, alias: "slash28 x" } : change,
      ],
    },
    "the route takes the main table's place of another": {
      bug: (change) => [
        change.change === "addRoute" && change.route.table === 254
          ? { ...change, route: { ...change.route, table: 3 } }
          : change,
      ],
    },
  };
  for (const [name, { bug, given }] of Object.entries(bugs)) {
    test(name, () => {
      const make = () => {
        const scene = madeBy(given ?? SECONDARY_POD)();
        scene.faulty.bug = bug;
        return scene;
      };
      let complaint = "";
      try {
        addHolds(make, { isFresh: true });
      } catch (error) {
        complaint = (error as Error).message;
      }
      expect(complaint).not.toBe("");
    });
  }
});
