// The steps of a migration as commands for a POSIX shell, each with what to look at afterwards and the way back.

import type { Cluster } from "../cluster/index.ts";
import type { FleetNode } from "./fleet.ts";
import type {
  KnownVpc,
  MigrationPlan,
  MigrationStep,
  ReservationAdvice,
  ScenarioPlan,
  SettingChange,
} from "./types.ts";

export interface StepsGiven {
  readonly asked: Cluster;
  /** As it will be. */
  readonly cluster: Cluster;
  readonly changes: readonly SettingChange[];
  readonly reservations: readonly ReservationAdvice[];
  readonly groups: MigrationPlan["groups"];
  readonly batches: readonly { readonly old: readonly FleetNode[]; readonly scenario: ScenarioPlan }[];
  /** Of a VPC that was read: the nodes have instance ids. */
  readonly known: KnownVpc | undefined;
  readonly switched: ScenarioPlan;
  readonly end: ScenarioPlan;
}

const NO_PENDING = {
  command: "kubectl get pods --all-namespaces --field-selector=status.phase=Pending",
  expect: "No resources found",
};

export function migrationSteps(given: StepsGiven): MigrationStep[] {
  return [
    ...(given.reservations.length === 0 ? [] : [reserve(given)]),
    switchSettings(given),
    newGroups(given),
    ...given.batches.map((_, number) => replaceBatch(given, number)),
    finish(given),
  ];
}

function reserve({ asked, reservations }: StepsGiven): MigrationStep {
  const subnets = [...new Set(reservations.map((one) => one.subnet))];
  const region = `--region ${asked.region}`;
  return {
    title: "Reserve ranges for prefixes",
    why:
      "From now on EC2 puts no new single address there. What lies in a range stays, and leaves with its node. " +
      "EC2 takes 5 of these calls at once and 1 a second." +
      subnets
        .map((name) => (isSubnetId(name) ? "" : ` ${variableOf(name)} is the id of ${name}: set it first.`))
        .join(""),
    commands: reservations.map((one) =>
      lines(
        "aws ec2 create-subnet-cidr-reservation",
        region,
        `--subnet-id ${idText(one.subnet)}`,
        `--cidr ${one.cidr} --reservation-type prefix`,
        "--description 'prefixes of pods'",
      ),
    ),
    checks: subnets.map((subnet) => {
      const own = reservations.filter((one) => one.subnet === subnet);
      return {
        command: lines(
          "aws ec2 get-subnet-cidr-reservations",
          `${region} --subnet-id ${idText(subnet)}`,
          "--query 'SubnetIpv4CidrReservations[].[Cidr,ReservationType]'",
          "--output text",
        ),
        expect: own.map((one) => `${one.cidr} prefix`).join(", "),
      };
    }),
    rollback: reservations.map((one) =>
      lines(
        `aws ec2 delete-subnet-cidr-reservation ${region}`,
        '--subnet-cidr-reservation-id "$(aws ec2 get-subnet-cidr-reservations',
        `${region} --subnet-id ${idText(one.subnet)} --output text`,
        `--query "SubnetIpv4CidrReservations[?Cidr=='${one.cidr}'].SubnetCidrReservationId")"`,
      ),
    ),
  };
}

function isSubnetId(name: string): boolean {
  return /^subnet-(?:[0-9a-f]{8}|[0-9a-f]{17})$/.test(name);
}

/** A cluster file may call a subnet as it likes: EC2 knows it by its id alone. */
function idText(name: string): string {
  return isSubnetId(name) ? name : `"\${${variableOf(name)}}"`;
}

function variableOf(name: string): string {
  return `ID_OF_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_")}`;
}

function switchSettings({ changes, switched, batches }: StepsGiven): MigrationStep {
  const to = changes.map(({ name, to: value }) => (value === null ? `${name}-` : `${name}=${value}`));
  const back = changes.map(({ name, from }) => (from === null ? `${name}-` : `${name}=${from}`));
  const prefixes = switched.subnets.reduce((sum, one) => sum + one.prefixes.needed, 0);
  const set = (texts: readonly string[]): string =>
    lines("kubectl --namespace kube-system set env daemonset/aws-node", "--containers aws-node", ...texts);
  return {
    title: "Let the agents ask for prefixes",
    why:
      `Each old node gives back its addresses without a pod, keeps those with one, and takes its warm /28: ${prefixes} /28s in all. ` +
      `Its pods stay. New pods on it need a slot that no old address holds, so go on with the ${batches.length === 1 ? "batch" : "batches"} soon. ` +
      "With the EKS add-on, write the same into its configuration values, or it puts the old ones back.",
    commands: [set(to)],
    checks: [
      {
        command: "kubectl --namespace kube-system rollout status daemonset/aws-node --timeout=15m",
        expect: "successfully rolled out",
      },
      NO_PENDING,
    ],
    rollback: [set(back)],
  };
}

function newGroups({ asked, groups }: StepsGiven): MigrationStep {
  return {
    title: "Make the new node groups, empty",
    why:
      "Max-pods is read when a node starts: nodes that are there keep the old number. " +
      `${groups.map((one) => `${one.name}: ${one.newMaxPods} instead of ${one.maxPods}`).join("; ")}.`,
    commands: [lines(`slash28 plan ${word(asked.fileName)} --migrate`, "--emit all --out slash28-migration")],
    checks: [
      {
        command: lines(
          "kubectl get nodes --output",
          "custom-columns=NODE:.metadata.name,TYPE:.metadata.labels.node\\\\.kubernetes\\\\.io/instance-type,PODS:.status.allocatable.pods",
        ),
        expect: "on the first new node of each group the new number",
      },
    ],
    rollback: ["rm -r slash28-migration  # and delete the new groups: they are empty"],
  };
}

function replaceBatch(given: StepsGiven, number: number): MigrationStep {
  const { batches, known, asked } = given;
  const { old, scenario } = batches[number]!;
  const counts = given.asked.nodeGroups.flatMap((group) => {
    const count = old.filter((one) => one.group === group).length;
    return count === 0 ? [] : [{ group, count }];
  });
  const ids = old.map((node) => known?.standing.find((one) => one.name === node.name)?.instanceId ?? "");
  const isRead = known !== undefined && ids.every((id) => id !== "");
  const what = counts.map(({ group, count }) => `${count} of ${group.name}`).join(", ");
  const tight = [...scenario.subnets].sort((a, b) => slack(a) - slack(b))[0];
  return {
    title: `Batch ${number + 1} of ${batches.length}: ${what}`,
    why:
      `Scale the new groups up by as many nodes, then drain the old ones. ${scenario.verdict}: ` +
      (tight === undefined
        ? "no subnet is touched"
        : `the tightest subnet, ${tight.id}, gives ${tight.prefixes.needed} /28s of ${tight.prefixes.fewest} to ${tight.prefixes.most}`) +
      ", new and old nodes together.",
    commands: isRead
      ? [
          eachInstance(ids, "cordon"),
          eachInstance(ids, DRAIN),
          terminate(`printf '%s\\n' ${idList(ids)} |`, asked.region),
        ]
      : counts.flatMap(({ group, count }) => [
          eachOfGroup(group.name, count, "cordon"),
          eachOfGroup(group.name, count, DRAIN),
          terminate(cordonedIds(group.name), asked.region),
        ]),
    checks: [
      NO_PENDING,
      ...(tight === undefined || !isRead
        ? []
        : [
            {
              command: lines(`slash28 map --live --region ${asked.region}`, `--subnet ${tight.id}`),
              expect: `${Math.max(0, tight.prefixes.fewest - tight.prefixes.needed)} free /28s or more before the old nodes are gone`,
            },
          ]),
    ],
    rollback: isRead
      ? [eachInstance(ids, "uncordon")]
      : counts.map(({ group, count }) => eachOfGroup(group.name, count, "uncordon")),
  };
}

const DRAIN = "drain --ignore-daemonsets --delete-emptydir-data --timeout=30m";

function slack(subnet: ScenarioPlan["subnets"][number]): number {
  return subnet.prefixes.fewest - subnet.prefixes.needed;
}

function finish({ asked, groups, end, known }: StepsGiven): MigrationStep {
  const needed = end.subnets.reduce((sum, one) => sum + one.prefixes.needed, 0);
  return {
    title: "Take the old groups away, and look",
    why: `The old nodes' addresses return to their subnets. The fleet then holds ${needed} /28s. ${end.verdict}.`,
    commands:
      known === undefined
        ? groups.map((one) =>
            lines(
              "aws eks delete-nodegroup",
              `--region ${asked.region}`,
              `--cluster-name "$CLUSTER" --nodegroup-name ${word(one.name)}`,
            ),
          )
        : ["# delete the groups that have no instance any more: a dump does not tell their names"],
    checks: [
      NO_PENDING,
      ...end.subnets
        .filter((one) => known !== undefined && one.prefixes.needed > 0)
        .map((one) => ({
          command: lines(`slash28 map --live --region ${asked.region}`, `--subnet ${one.id}`),
          expect: `${Math.max(0, one.prefixes.fewest - one.prefixes.needed)} free /28s or more`,
        })),
      { command: "slash28 doctor --live", expect: "no finding about ENIs that hold both kinds" },
    ],
    rollback: ["# none: to go back, make groups with the old settings and move as before"],
  };
}

/** Does it to the nodes of these instances, by their provider ids. */
function eachInstance(ids: readonly string[], verb: string): string {
  return [
    `for id in ${idList(ids)}; do`,
    "  kubectl get nodes --no-headers \\",
    "    --output custom-columns=N:.metadata.name,I:.spec.providerID |",
    `    awk -v id="$id" '$2 ~ id { print $1 }' |`,
    `    xargs kubectl ${verb}`,
    "done",
  ].join("\n");
}

/** Three ids a line. */
function idList(ids: readonly string[]): string {
  const rows: string[] = [];
  for (let index = 0; index < ids.length; index += 3) rows.push(ids.slice(index, index + 3).join(" "));
  return rows.join(" \\\n  ");
}

function cordonedIds(group: string): string {
  return [
    `kubectl get nodes --no-headers --selector eks.amazonaws.com/nodegroup=${group} \\`,
    "  --output custom-columns=I:.spec.providerID,U:.spec.unschedulable |",
    `  awk '$2 == "true" { sub(".*/", "", $1); print $1 }' |`,
  ].join("\n");
}

/** Takes instances, whose ids `source` prints, away from their group for good. */
function terminate(source: string, region: string): string {
  return [
    source,
    "  xargs -n 1 aws autoscaling terminate-instance-in-auto-scaling-group \\",
    `    --region ${region} --should-decrement-desired-capacity --instance-id`,
  ].join("\n");
}

/** Does it to the oldest nodes of a managed group that it has not been done to. */
function eachOfGroup(group: string, count: number, verb: string): string {
  const isBack = verb === "uncordon";
  const state = verb === "cordon" ? "!/SchedulingDisabled/" : "/SchedulingDisabled/";
  return [
    `kubectl get nodes --no-headers --sort-by=.metadata.creationTimestamp \\`,
    `  --selector eks.amazonaws.com/nodegroup=${group} |`,
    `  awk '${state} { print $1 }' | ${isBack ? "tail" : "head"} -n ${count} |`,
    `  xargs -n 1 kubectl ${verb}`,
  ].join("\n");
}

function lines(...parts: readonly string[]): string {
  return parts.join(" \\\n  ");
}

/** A word for a shell. */
function word(text: string): string {
  return /^[A-Za-z0-9._/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
