import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import "../../test/fast-check-seed.ts";
import { type Cidr, cidrOf, parseCidr, parseIpv4 } from "../base/ipv4.ts";
import { NO_RULES, type OwnRules, type SnatWiring, TABLES, type Table, wantedRules } from "./snat.ts";
import { type FoundRules, IncompatibleTableError, restoreText, SavedRulesReader } from "./snat-changes.ts";
import { IptablesModel } from "./testing/iptables-model.ts";
import {
  CONNMARK_LISTED,
  LISTED_EXCLUSION,
  LISTED_NODE,
  LISTED_VPC,
  MANGLE_LISTED,
  SNAT_LISTED,
} from "./testing/reference-rules.ts";

function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

const WIRING: SnatWiring = {
  vpcCidrs: LISTED_VPC.map(cidr),
  excludedCidrs: [cidr(LISTED_EXCLUSION)],
  hasExternalSnat: false,
  hasNodePortSupport: true,
  primaryInterface: "eth0",
  primaryAddress: parseIpv4(LISTED_NODE) ?? 0,
  vethPrefix: "eni",
  mark: 0x80,
  sourcePorts: "random-fully",
  connmarkBackend: "iptables",
};

function found(model: IptablesModel): Record<Table, FoundRules> {
  const read = (table: Table) => {
    const reader = new SavedRulesReader(table);
    // In pieces, as a pipe gives them.
    for (const piece of model.save(table).match(/[\s\S]{1,37}/g) ?? []) reader.push(piece);
    return reader.end();
  };
  return { nat: read("nat"), mangle: read("mangle") };
}

/** Brings the model there; the text that did it. */
function bring(model: IptablesModel, wanted: Readonly<Record<Table, OwnRules>>): string | undefined {
  const text = restoreText(found(model), wanted);
  if (text !== undefined) model.restore(text);
  return text;
}

const rulesOf = (text: string) => text.split("\n").filter((line) => line.startsWith("-A "));
const listed = (model: IptablesModel, table: Table) => rulesOf(model.save(table));

describe("what is wanted reads as the reference's rules do [datapath 10.2, 10.3]", () => {
  test("SNAT, node ports and marks by iptables", () => {
    const model = new IptablesModel();
    bring(model, wantedRules(WIRING));
    expect(listed(model, "mangle").join("\n")).toBe(MANGLE_LISTED);
    expect(new Set(listed(model, "nat"))).toEqual(new Set(rulesOf(`${SNAT_LISTED}\n${CONNMARK_LISTED}`)));
  });

  test("each rule is there when the table of 10.2 says so", () => {
    const present = (change: Partial<SnatWiring>) => {
      const model = new IptablesModel();
      bring(model, wantedRules({ ...WIRING, connmarkBackend: "nftables", ...change }));
      const mangle = listed(model, "mangle").map((rule) => /-i (\S+)/.exec(rule)?.[1]);
      return {
        mangle,
        nat: listed(model, "nat").length,
        chains: model
          .save("nat")
          .match(/^:AWS\S+/gm)
          ?.join(),
      };
    };
    const chains = ":AWS-SNAT-CHAIN-0";
    expect(present({})).toEqual({ mangle: ["eth0", "eni+", "vlan+"], nat: 5, chains });
    expect(present({ hasNodePortSupport: false })).toEqual({ mangle: ["eni+"], nat: 5, chains });
    expect(present({ hasExternalSnat: true })).toEqual({ mangle: ["eth0", "eni+", "vlan+"], nat: 0, chains });
    expect(present({ hasExternalSnat: true, hasNodePortSupport: false })).toEqual({ mangle: [], nat: 0, chains });
    expect(present({ hasExternalSnat: true, connmarkBackend: "iptables" }).chains).toEqual(chains);
  });

  test("ports by the flag, everything excluded without -d, metadata's order and repeats without a trace", () => {
    const chain = (change: Partial<SnatWiring>) =>
      wantedRules({ ...WIRING, ...change }).nat.chains.get("AWS-SNAT-CHAIN-0") ?? [];
    expect(chain({ sourcePorts: "random" }).at(-1)).toEndWith("--to-source 10.0.0.10 --random");
    expect(chain({ sourcePorts: "kernel" }).at(-1)).toEndWith("--to-source 10.0.0.10");
    expect(chain({ excludedCidrs: [cidr("0.0.0.0/0")] })[0]).toBe(
      '-m comment --comment "AWS SNAT CHAIN EXCLUSION" -j RETURN',
    );
    const shuffled = [...WIRING.vpcCidrs, ...WIRING.vpcCidrs].reverse();
    expect(chain({ vpcCidrs: shuffled })).toEqual(chain({}));
  });

  test("no CIDR of the VPC is refused, and so is a name that would break a rule", () => {
    expect(() => wantedRules({ ...WIRING, vpcCidrs: [] })).toThrow("without the VPC's CIDRs");
    expect(() => wantedRules({ ...WIRING, primaryInterface: 'eth0" -j ACCEPT' })).toThrow("cannot stand in a rule");
  });
});

describe("the way there", () => {
  test("a new CIDR changes the chains in one transaction of nat, and nothing else", () => {
    const model = new IptablesModel();
    bring(model, wantedRules(WIRING));
    const text = bring(model, wantedRules({ ...WIRING, vpcCidrs: [...WIRING.vpcCidrs, cidr("10.1.0.0/16")] }));
    expect(text?.match(/^\*.*$|^COMMIT$|^-[DX].*$/gm)).toEqual(["*nat", "COMMIT"]);
    expect(listed(model, "nat").filter((rule) => rule.includes("10.1.0.0/16"))).toHaveLength(2);
  });

  test("one SNAT rule that is gone, or one too many, is put right; all right is left alone", () => {
    const model = new IptablesModel();
    bring(model, wantedRules(WIRING));
    const before = model.save("nat");
    expect(bring(model, wantedRules(WIRING))).toBeUndefined();
    model.tables.nat.get("AWS-SNAT-CHAIN-0")?.pop();
    model.tables.nat.get("POSTROUTING")?.push(model.tables.nat.get("POSTROUTING")?.[0] ?? "");
    expect(bring(model, wantedRules(WIRING))).toContain("-D POSTROUTING");
    expect(model.save("nat")).toBe(before);
  });

  test("rules and chains that older releases left go, in whatever chain they jump from", () => {
    const model = new IptablesModel();
    model.restore(`*nat
:AWS-SNAT-CHAIN-0 - [0:0]
:AWS-SNAT-CHAIN-1 - [0:0]
:AWS-CONNMARK-CHAIN-0 - [0:0]
:AWS-CONNMARK-CHAIN-1 - [0:0]
:OTHER - [0:0]
-A AWS-SNAT-CHAIN-0 ! -d 10.0.0.0/16 -m comment --comment "AWS SNAT CHAIN" -j AWS-SNAT-CHAIN-1
-A AWS-SNAT-CHAIN-1 -m comment --comment "AWS, SNAT" -j SNAT --to-source 10.0.96.9
-A AWS-CONNMARK-CHAIN-0 ! -d 10.0.0.0/16 -m comment --comment "AWS CONNMARK CHAIN" -j AWS-CONNMARK-CHAIN-1
-A PREROUTING -i eni+ -m comment --comment "AWS, outbound connections" -m state --state NEW -j AWS-CONNMARK-CHAIN-0
-A OTHER -s 10.0.0.1/32 -j AWS-SNAT-CHAIN-0
-A OTHER -s 10.0.0.2/32 -j AWS-SNAT-CHAIN-1
-A OTHER -s 10.0.0.3/32 -j ACCEPT
COMMIT
`);
    bring(model, wantedRules({ ...WIRING, connmarkBackend: "nftables" }));
    expect(new Set(listed(model, "nat"))).toEqual(
      new Set([
        ...rulesOf(SNAT_LISTED),
        "-A OTHER -s 10.0.0.1/32 -j AWS-SNAT-CHAIN-0",
        "-A OTHER -s 10.0.0.3/32 -j ACCEPT",
      ]),
    );
    expect(model.save("nat").match(/^:AWS\S+/gm)).toEqual([":AWS-SNAT-CHAIN-0"]);
  });

  test("marks by iptables come after kube-proxy's jump, and move there once", () => {
    const model = new IptablesModel();
    bring(model, wantedRules(WIRING));
    const services = '-m comment --comment "kubernetes service portals" -j KUBE-SERVICES';
    model.tables.nat.get("PREROUTING")?.push(services, "-s 10.9.0.0/16 -j ACCEPT");
    bring(model, wantedRules(WIRING));
    expect(model.tables.nat.get("PREROUTING")?.map((rule) => /-j (\S+)/.exec(rule)?.[1])).toEqual([
      "KUBE-SERVICES",
      "ACCEPT",
      "AWS-CONNMARK-CHAIN-0",
      "CONNMARK",
    ]);
    expect(bring(model, wantedRules(WIRING))).toBeUndefined();
  });

  test("somebody's own jump into our chain, before kube-proxy's, moves nothing", () => {
    const model = new IptablesModel();
    bring(model, wantedRules(WIRING));
    const own = model.tables.nat.get("PREROUTING") ?? [];
    own.unshift("-s 10.9.0.0/16 -j AWS-CONNMARK-CHAIN-0", "-j KUBE-SERVICES");
    expect(bring(model, wantedRules(WIRING))).toBeUndefined();
  });

  test("the mark is restored after it was made, whichever of the two somebody deleted", () => {
    for (const gone of [0, 1]) {
      const model = new IptablesModel();
      bring(model, wantedRules(WIRING));
      model.tables.nat.get("PREROUTING")?.splice(gone, 1);
      bring(model, wantedRules(WIRING));
      expect(listed(model, "nat").filter((rule) => rule.startsWith("-A PREROUTING"))).toEqual(
        rulesOf(CONNMARK_LISTED).slice(0, 2),
      );
    }
  });

  test("a table that nft made its own is refused by name", () => {
    const reader = new SavedRulesReader("nat");
    expect(() => reader.push("# Table `nat' is incompatible, use 'nft' tool.\n")).toThrow(IncompatibleTableError);
  });
});

describe("whatever others have there", () => {
  const foreignRule = fc.constantFrom(
    "-j KUBE-SERVICES",
    "-s 10.0.0.0/8 -j ACCEPT",
    '-m comment --comment "AWS, SNAT" -j LOG',
    '-m comment --comment "not AWS SNAT CHAIN" -j MASQUERADE',
    '-m comment --comment "say \\"AWS, CONNMARK\\" " -j ACCEPT',
    "-m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT",
    "-m mark --mark 0x4000/0x4000 -j MASQUERADE",
  );
  const block = fc
    .record({ address: fc.integer({ min: 0, max: 0xffff_ffff }), length: fc.integer({ min: 8, max: 32 }) })
    .map(({ address, length }) => cidrOf(address, length));
  const wiring = fc.record({
    vpcCidrs: fc.array(block, { minLength: 1, maxLength: 4 }),
    excludedCidrs: fc.array(block, { maxLength: 2 }),
    hasExternalSnat: fc.boolean(),
    hasNodePortSupport: fc.boolean(),
    primaryInterface: fc.constantFrom("eth0", "ens5"),
    primaryAddress: fc.constantFrom(1, 0x0a00_0001),
    vethPrefix: fc.constantFrom("eni", "vpc"),
    mark: fc.constantFrom(0x80, 0x100),
    sourcePorts: fc.constantFrom("random-fully" as const, "random" as const, "kernel" as const),
    connmarkBackend: fc.constantFrom("iptables" as const, "nftables" as const),
  });
  /** A chain's rules of others, in order. */
  const foreign = (model: IptablesModel) =>
    TABLES.flatMap((table) =>
      [...model.tables[table]].flatMap(([chain, rules]) =>
        chain.startsWith("AWS-")
          ? []
          : rules.filter((rule) => rule.startsWith("F")).map((rule) => [table, chain, rule]),
      ),
    );
  /** Puts rules of others at random places, each told apart by a number. */
  const scatter = (model: IptablesModel, rules: readonly (readonly [string, number])[]) => {
    for (const [index, [rule, where]] of rules.entries()) {
      const table = model.tables[TABLES[where % 2] ?? "nat"];
      const chains = [...table.keys()].filter((chain) => !chain.startsWith("AWS-"));
      const list = table.get(chains[where % chains.length] ?? "") ?? [];
      list.splice(where % (list.length + 1), 0, `F${index} ${rule}`);
    }
  };
  const places = fc.array(fc.tuple(foreignRule, fc.nat(1000)), { maxLength: 12 });

  test("it stays and keeps its order, our rules come and change and go, one transaction a table", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(wiring, places), { minLength: 1, maxLength: 5 }), (steps) => {
        const model = new IptablesModel();
        for (const [index, [wanted, rules]] of steps.entries()) {
          scatter(
            model,
            rules.map(([rule, where]) => [`${index} ${rule}`, where] as const),
          );
          const before = foreign(model);
          model.commits.length = 0;
          bring(model, wantedRules(wanted));
          expect(foreign(model)).toEqual(before);
          expect(new Set(model.commits).size).toBe(model.commits.length);
          expect(bring(model, wantedRules(wanted))).toBeUndefined();
          expectWanted(model, wantedRules(wanted));
        }
        const before = foreign(model);
        bring(model, NO_RULES);
        expect(foreign(model)).toEqual(before);
        expect(TABLES.flatMap((table) => listed(model, table)).every((rule) => / F\d/.test(rule))).toBe(true);
        expect(model.save("nat")).not.toContain(":AWS-");
      }),
      { numRuns: 300 },
    );
  });

  /** Recounted from the chains: ours are exactly the wanted ones. */
  function expectWanted(model: IptablesModel, wanted: Readonly<Record<Table, OwnRules>>): void {
    for (const table of TABLES) {
      for (const [chain, rules] of model.tables[table]) {
        const own = wanted[table].chains.get(chain);
        if (chain.startsWith("AWS-")) expect(rules).toEqual([...(own ?? ["not wanted"])]);
        else {
          const ours = rules.filter((rule) => !rule.startsWith("F"));
          expect(new Set(ours)).toEqual(new Set(wanted[table].shared.get(chain) ?? []));
          expect(ours).toHaveLength((wanted[table].shared.get(chain) ?? []).length);
        }
      }
    }
  }
});
