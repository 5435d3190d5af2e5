import { describe, expect, test } from "bun:test";
import { planText } from "../../test/plan/plan-text.ts";
import { planTable } from "./plan-table.ts";
import type { MigrationPlan, Plan } from "./types.ts";

const HEAD = "apiVersion: slash28/v1\nkind: Cluster\n";

function file(part: { subnet?: string; type?: string; count?: number; env?: string } = {}): string {
  return `${HEAD}
subnets: [{ id: subnet-0a11ce0000000000a, az: us-west-2a, cidr: ${part.subnet ?? "10.0.0.0/22"} }]
nodeGroups: [{ name: general, instanceType: ${part.type ?? "m5.large"}, count: ${part.count ?? 4} }]
cni: { policy: vpc-cni, env: ${part.env ?? '{ WARM_IP_TARGET: "3" }'} }
workloads: [{ name: web, pods: ${10 * (part.count ?? 4)} }]
`;
}

function migrate(text: string, surgePercent = 0): { plan: Plan; migration: MigrationPlan } {
  const plan = planText(text, { hasMigration: true, surgePercent });
  return { plan, migration: plan.migration! };
}

/** Whether a POSIX shell can read it. */
function isShell(command: string): boolean {
  return Bun.spawnSync(["sh", "-n", "-c", command]).exitCode === 0;
}

describe("from secondary addresses to prefixes", () => {
  test("settings, ranges and max-pods are those of the fleet to be", () => {
    const { migration } = migrate(file({ subnet: "10.0.0.0/19" }));
    expect(migration.verdict).toBe("fits");
    expect(migration.changes.map((one) => `${one.name}=${one.to}`)).toEqual([
      "ENABLE_PREFIX_DELEGATION=true",
      "WARM_PREFIX_TARGET=1",
      "WARM_IP_TARGET=null",
    ]);
    expect(migration.groups).toEqual([{ name: "general", maxPods: 29, newMaxPods: 110 }]);
    // All at once: a warm /28 on each old node, and one used and one warm on each new one.
    const [switched, batch, end] = migration.scenarios;
    const needed = (one: typeof batch) => one?.subnets[0]?.prefixes.needed;
    expect([needed(switched), needed(batch), needed(end)]).toEqual([4, 12, 8]);
    // Old nodes keep 10 addresses of pods, the second ENI's and their own primary one; the new ones one each.
    const singles = (one: typeof batch) => one?.subnets[0]?.singles;
    expect([singles(switched), singles(batch), singles(end)]).toEqual([4 * 12, 4 * 13, 4]);
    expect(migration.reservations.map((one) => [one.cidr, one.prefixCount])).toEqual([["10.0.30.0/24", 16]]);
  });

  test("the largest share that fits for certain is taken; a share that is asked for is kept", () => {
    // What the file counts may lie in the range: of 62 /28s 4 x 12 old addresses may spoil 48. All at once wants 12 of 10, two
    // at a time 8 of 12.
    const { migration } = migrate(file());
    expect(migration).toMatchObject({ verdict: "fits", percent: 50, batchCount: 2 });
    expect(migrate(file({ count: 5 })).migration).toMatchObject({ verdict: "unsure", percent: 10, batchCount: 5 });
    expect(migrate(file(), 25).migration).toMatchObject({ percent: 25, batchCount: 4 });
  });

  test("every node is drained once, old ones of a batch beside its new ones, and the last batch ends with new ones alone", () => {
    const { migration } = migrate(file({ subnet: "10.0.0.0/19", count: 7 }), 34);
    const batches = migration.steps.filter((one) => one.title.startsWith("Batch"));
    expect(batches.map((one) => one.title)).toEqual([
      "Batch 1 of 3: 3 of general",
      "Batch 2 of 3: 3 of general",
      "Batch 3 of 3: 1 of general",
    ]);
    // 7 old nodes and 3 new ones; then 4 and 6; then 1 and 7.
    expect(migration.scenarios.map((one) => one.nodeCount)).toContain(10);
    expect(migration.scenarios.at(-1)?.nodeCount).toBe(7);
  });

  test("the steps come in order, with commands that a shell reads, a look afterwards and a way back", () => {
    const { migration, plan } = migrate(file());
    expect(migration.steps.map((one) => one.title)).toEqual([
      "Reserve ranges for prefixes",
      "Let the agents ask for prefixes",
      "Make the new node groups, empty",
      "Batch 1 of 2: 2 of general",
      "Batch 2 of 2: 2 of general",
      "Take the old groups away, and look",
    ]);
    for (const step of migration.steps) {
      expect(step.checks.length).toBeGreaterThan(0);
      expect(step.rollback.length).toBeGreaterThan(0);
      const commands = [...step.commands, ...step.rollback, ...step.checks.map((one) => one.command)];
      for (const command of commands) expect([command, isShell(command)]).toEqual([command, true]);
    }
    const [reserve, settings] = migration.steps;
    expect(reserve?.commands[0]).toContain("--subnet-id subnet-0a11ce0000000000a");
    expect(reserve?.rollback[0]).toContain(`Cidr=='${migration.reservations[0]?.cidr}'`);
    expect(settings?.commands[0]).toContain("ENABLE_PREFIX_DELEGATION=true");
    expect(settings?.rollback[0]).toContain("WARM_IP_TARGET=3");
    expect(settings?.rollback[0]).toContain("ENABLE_PREFIX_DELEGATION-");
    const shown = planTable(plan, { hasFormulas: false });
    for (const step of migration.steps) expect(shown).toContain(step.title);
  });

  test("a subnet that the file calls by a name of its own is a variable to set first, never an id", () => {
    const { migration } = migrate(file().replaceAll("subnet-0a11ce0000000000a", "subnet-a"));
    const [reserve] = migration.steps;
    expect(reserve?.why).toContain("ID_OF_SUBNET_A is the id of subnet-a: set it first.");
    const commands = [reserve!.commands, reserve!.rollback, reserve!.checks.map((one) => one.command)].flat();
    for (const command of commands) {
      expect(command).toMatch(/--subnet-id "\$\{ID_OF_SUBNET_A\}"/);
      expect([command, isShell(command)]).toEqual([command, true]);
    }
  });

  test("a type that cannot have prefixes is a plain no, and so is a subnet without room for both", () => {
    const xen = migrate(file({ type: "t2.large" })).migration;
    expect(xen.verdict).toBe("does-not-fit");
    expect(xen.scenarios[0]?.problems[0]?.text).toContain("t2.large cannot have prefixes");
    const small = migrate(file({ subnet: "10.0.0.0/25" }));
    expect(small.migration.verdict).toBe("does-not-fit");
    expect(small.plan.verdict).toBe("does-not-fit");
  });
});
