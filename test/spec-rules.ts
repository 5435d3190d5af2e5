// The rules of the behaviour specification (ipamd.md) by id, in our own words, and how tests say which of them they prove.
//
// Tag syntax. A test names its rules in its title: `[ipamd 4.3]`, `[ipamd 10.1#12, 11#59]`, `[ipamd 11#1-18]` (a range of rows).
// An id is one of those below, letter by letter: `1.1 B1`, `1.2.3`, `1.3 MAX_ENI`, `3.1.4`, `5.2.2`, `10.1#7`, `11#38b`, `11.6#5`.
// A script names them in a line of its head: `# proves: 4.3, 11#13`. Titles are read from the source text, so a tag has to be
// written out in it. A tag that names a whole section (`[ipamd 1.3]`, `[ipamd 11.5]`) is listed beside the section's heading
// and proves none of its rules. An id that does not exist fails test/spec-coverage.test.ts.
// docs/generated/spec-coverage.md lists each rule with its tests or **missing**; `npm run generate` writes it.

export interface SpecRule {
  readonly id: string;
  readonly section: string;
  readonly title: string;
}

export interface SpecSection {
  readonly section: string;
  readonly title: string;
  /** Each row: what stands after the section in the id (empty: the section itself), then the title. */
  readonly rules: readonly (readonly [suffix: string, title: string])[];
}

const numbered = (separator: string, titles: readonly string[]) =>
  titles.map((title, index) => [`${separator}${index + 1}`, title] as const);

export const SPEC_SECTIONS: readonly SpecSection[] = [
  {
    section: "1.1",
    title: "Parsers",
    rules: [
      [" B1", "booleans that exist even when empty"],
      [" B2", "booleans for which empty is unset"],
      [" I1", "integers that fall back silently"],
      [" I2", "integers whose caller handles the error"],
      [" S", "texts"],
    ],
  },
  {
    section: "1.2",
    title: "Mode selection",
    rules: numbered(".", [
      "exactly one address family",
      "IPv6 needs prefixes and no custom networking",
      "prefixes need Nitro or bare metal, else secondary addresses",
      "instance limits: table, then one EC2 call, else fatal",
      "the ENI cap is the lower of limit and MAX_ENI",
    ]),
  },
  {
    section: "1.3",
    title: "Variables",
    rules: [
      [" ENABLE_PREFIX_DELEGATION", "the unit is a /28"],
      [" WARM_IP_TARGET", "free addresses to keep"],
      [" MINIMUM_IP_TARGET", "floor of the total"],
      [" WARM_PREFIX_TARGET", "whole free prefixes to keep"],
      [" WARM_ENI_TARGET", "full ENIs of free addresses to keep"],
      [" MAX_ENI", "cap on attached ENIs"],
      [" IP_COOLDOWN_PERIOD", "rest between release and reuse"],
      [" AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG", "new ENIs as the ENIConfig says; none on the primary"],
      [" ENI_CONFIG_ANNOTATION_DEF", "keys that find the ENIConfig"],
      [" ENABLE_SUBNET_DISCOVERY", "choice of subnets, exclusion, next ENI on exhaustion"],
      [" CLUSTER_NAME", "tags, leak filter, subnet matching"],
      [" ADDITIONAL_ENI_TAGS", "further tags, reserved keys dropped"],
      [" MANAGE_UNTAGGED_ENI", "ENIs without our tags"],
      [" AWS_MANAGE_ENIS_NON_SCHEDULABLE", "growth on a cordoned node"],
      [" ENABLE_POD_ENI", "a slot for the trunk, branch ENIs for pods"],
      [" DISABLE_NETWORK_RESOURCE_PROVISIONING", "nothing is taken or returned"],
      [" ENABLE_IMDS_ONLY_MODE", "inventory from metadata alone"],
      [" DISABLE_LEAKED_ENI_CLEANUP", "no cleaning of detached ENIs"],
      [" ENABLE_MULTI_NIC", "further network cards (refused here)"],
      [" AWS_VPC_K8S_CNI_BACKING_STORE", "where the checkpoint is"],
      [" HTTP_TIMEOUT", "per-attempt timeout, 10 s at least"],
      [" AWS_EC2_ENDPOINT", "no effect on EC2 calls"],
      [" MY_NODE_NAME", "names of node and own pod"],
      [" CLUSTER_ENDPOINT", "API server host"],
      [" VPC_CNI_VERSION", "user agent"],
      [" other", "agent variables without influence on the pool"],
      [" entrypoint", "what is refused before the agent starts"],
    ],
  },
  {
    section: "1.4",
    title: "ENIConfig resolution",
    rules: [["", "label, annotation, label, default; read at each ENI"]],
  },
  { section: "1.5", title: "Subnet discovery", rules: [["", "fullest first, tags, cluster test, next on any error"]] },
  { section: "1.6", title: "Excluded subnets", rules: [["", "ENIs there keep their pods and get none"]] },
  { section: "1.7", title: "Unmanaged ENIs", rules: [["", "no_manage, instance_id, untagged, efa-only"]] },
  { section: "1.8", title: "Precedence", rules: [["", "which target drives growth and shrinking"]] },
  { section: "2.1", title: "ENI record", rules: [["", "fields and route table ids"]] },
  { section: "2.2", title: "CIDR record", rules: [["", "only addresses ever allocated have entries"]] },
  { section: "2.3", title: "Address record", rules: [["", "allocated by key, cooling by time, in memory only"]] },
  { section: "2.4", title: "Keys", rules: [["", "network, container, interface; the legacy key"]] },
  { section: "2.5", title: "Counters", rules: [["", "running counters against recomputed statistics"]] },
  { section: "2.6", title: "Datastore errors", rules: [["", "their texts; duplicates are tolerated"]] },
  {
    section: "3.1",
    title: "Assign",
    rules: numbered(".", [
      "the same key gets its address again",
      "ENIs in random order, excluded ones skipped",
      "CIDRs of the mode in random order",
      "cooled addresses first, then the lowest new one, never a cooling one",
      "a checkpoint error undoes the assignment",
      "address, device number, route table",
      "nothing found: counter, log, error",
    ]),
  },
  {
    section: "3.2",
    title: "Release",
    rules: numbered(".", [
      "by key, by legacy key, else unknown pod",
      "a checkpoint error restores it",
      "cooldown starts",
      "an emptied CIDR of an excluded ENI leaves the store 5 s later",
      "leftover prefixes go back in secondary mode",
    ]),
  },
  {
    section: "3.3",
    title: "AddNetwork",
    rules: numbered(".", [
      "version check",
      "branch ENI from the pod's annotation",
      "the three parts of the key are needed",
      "cards in order",
      "VPC CIDRs on every ADD",
    ]),
  },
  { section: "4.1", title: "Cadence", rules: [["", "periods, guards and what resets them"]] },
  {
    section: "4.2",
    title: "One pool update",
    rules: numbered(".", [
      "announces the trunk feature",
      "decides with the statistics of the start",
      "grows, or shrinks after the guard",
      "frees at most one ENI, gate from the same statistics",
      "a shrink sets its times",
    ]),
  },
  { section: "4.3", title: "Pool too low", rules: [["", "max pods, targets, units"]] },
  { section: "4.4", title: "Short, over, too high", rules: [["", "the formulas in both modes"]] },
  {
    section: "4.5",
    title: "Grow",
    rules: [
      [".0", "not while terminating, cordoned or guarded"],
      [".1", "how many units"],
      [".2", "an ENI with a free slot first"],
      [".3", "a new ENI if there is room"],
      [".4", "how many units it asks for"],
      [".5", "create, attach, mark, wait, set up"],
      [".6", "one successful step a pass"],
    ],
  },
  { section: "4.6", title: "Shrink", rules: [["", "freeable CIDRs of any kind, one call per ENI and kind"]] },
  { section: "4.7", title: "Free an ENI", rules: [["", "gate, order of tests, needed-for rules"]] },
  { section: "5.1", title: "Error classes", rules: [["", "two exhausted codes, full ENI, not found, unauthorised"]] },
  {
    section: "5.2",
    title: "Assign to an existing ENI fails",
    rules: numbered(".", [
      "again with 1, also after 1",
      "next ENI or stop, depending on discovery",
      "a full ENI is read again",
      "never a /32 instead of a /28",
    ]),
  },
  { section: "5.3", title: "ENI creation fails", rules: [["", "what stays behind after each call"]] },
  { section: "5.4", title: "Retries", rules: [["", "tries, delays, and that the loop waits meanwhile"]] },
  { section: "5.5", title: "Events", rules: [["", "one kind, for missing permissions"]] },
  { section: "5.6", title: "Boot severity", rules: [["", "what ends the process and what does not"]] },
  { section: "6.1", title: "Start sequence", rules: [["", "the order of the steps"]] },
  {
    section: "6.2",
    title: "Checkpoint",
    rules: [
      ["", "format and writing"],
      [".1", "missing, unreadable, other version"],
      [".2", "entries whose link is gone"],
      [".3", "matching by containment, duplicates fatal, unknown dropped"],
      [".4", "rewritten; cooldowns are not restored"],
    ],
  },
  { section: "6.3", title: "Set up an ENI", rules: [["", "the order of the steps and what a failure leaves"]] },
  { section: "6.4", title: "Mode switch", rules: [["", "free units of the other mode go back at boot"]] },
  { section: "6.5", title: "CNINode", rules: [["", "features announced, only with a free slot"]] },
  { section: "6.6", title: "Leaked ENIs", rules: [["", "filters, ages, cadence"]] },
  { section: "6.7", title: "Shutdown", rules: [["", "no growth, no ENI release, the rest goes on"]] },
  {
    section: "7.1",
    title: "When to reconcile",
    rules: [["", "60 s after the last action; each pass without the trunk"]],
  },
  {
    section: "7.2",
    title: "Reconcile ENIs",
    rules: numbered(".", [
      "read metadata; empty aborts",
      "new ENIs: one describe, tags, set-up",
      "known ENIs: both kinds of CIDR",
      "detached ENIs are removed with their pods",
    ]),
  },
  { section: "7.3", title: "Reconcile CIDRs", rules: [["", "equal, different, cooled, forced delete"]] },
  { section: "7.4", title: "Other jobs", rules: [["", "VPC CIDRs and security groups every 30 s"]] },
  { section: "8.1", title: "EC2 calls", rules: [["", "parameters and occasions"]] },
  { section: "8.2", title: "Metadata reads", rules: [["", "per ENI"]] },
  { section: "8.3", title: "Inventory", rules: [["", "metadata and one describe; types"]] },
  { section: "8.4", title: "Wait for metadata", rules: [["", "wanted units, partial results"]] },
  { section: "8.5", title: "Description and tags", rules: [["", "their texts and order"]] },
  {
    section: "8.6",
    title: "Call sequences, counted",
    rules: [
      ["a", "boot"],
      ["b", "scale-up"],
      ["c", "scale-down"],
    ],
  },
  { section: "9.1", title: "gRPC", rules: [["", "services, fields, replies and errors"]] },
  { section: "9.2", title: "Introspection", rules: [["", "paths and bodies"]] },
  { section: "9.3", title: "Health and metrics", rules: [["", "names, labels, meaning"]] },
  { section: "9.4", title: "Kubernetes objects", rules: [["", "what is read and written"]] },
  { section: "9.5", title: "Log format", rules: [["", "JSON lines, files, levels"]] },
  { section: "9.6", title: "Log messages", rules: [["", "their texts"]] },
  {
    section: "10.1",
    title: "Quirks",
    rules: numbered("#", [
      "cooling addresses count as available",
      "low in addresses, amounts in prefixes",
      "no packing",
      "max pods against allocated, not used",
      "secondary mode stays low for ever",
      "minimum alone freezes the pool",
      "prefix target blocks ENI deletion",
      "needed-for-W ignores what the ENI holds",
      "gate of whole ENIs",
      "shrink ignores cooldown",
      "the fallback to 1 repeats a request for 1",
      "no guard on the assign path with discovery",
      "the guard blocks everything",
      "a failed exclusion check leaves a half set-up ENI",
      "a failed delete-on-termination reads as success",
      "one prefix of several is a failure",
      "forced removal subtracts twice",
      "forced removal unassigns pods silently",
      "freeing an ENI does not reset the reconcile timer",
      "emptied CIDRs of excluded ENIs come back",
      "ages and cooldowns restart with the agent",
      "first shrink 2.5 s after start",
      "the ENI gate uses old statistics",
      "reconcile starves on a busy node",
      "no_manage on a live ENI is noticed late",
      "trunk and EFA are tested last",
      "further cards flap",
      "the last-card test with skipped cards",
      "an empty key matches any tracked address",
      "a duplicate in the checkpoint prevents the start",
      "max pods without the API server",
      "no target at all allocates and releases in turns",
      "leftover single addresses stay",
      "timestamps beyond 2^53",
      "the temp file is not closed",
      "an unparsable createdAt is deleted at once",
      "metadata and fsync on every ADD",
      "what is random in the reference",
    ]),
  },
  {
    section: "11",
    title: "Worked examples",
    rules: [
      ...Array.from({ length: 38 }, (_, index) => [`#${index + 1}`, example(index + 1)] as const),
      ["#38b", "two ENIs, W=5, WP=1: the shrink of the same pass decides"],
      ...Array.from({ length: 35 }, (_, index) => [`#${index + 39}`, example(index + 39)] as const),
    ],
  },
  {
    section: "11.6",
    title: "Facts of the reference's own tests",
    rules: numbered("#", [
      "empty store, secondary mode: low",
      "three free of three: not low",
      "ENI targets against used addresses",
      "empty store, prefix mode: low",
      "prefix targets against used addresses",
      "short and over, secondary mode",
      "short and over, prefix mode",
      "a new ENI asks for a full or the short one's count",
      "a new ENI asks for one prefix",
      "exhausted: n, 1, new ENI",
      "cordoned: no call",
      "the first three pods of a prefix; route table",
      "release and cooldown in the statistics",
      "reconcile against EC2's prefixes",
      "metadata without ENIs",
      "the guard's age",
      "cooldown of one second",
      "targets that are no numbers",
    ]),
  },
];

/** In which group of examples a row stands. */
function example(row: number): string {
  if (row <= 18) return "prefix mode, prefix target";
  if (row <= 38) return "prefix mode, address targets";
  if (row <= 57) return "secondary mode";
  if (row <= 64) return "failures";
  return "traces";
}

export const SPEC_RULES: readonly SpecRule[] = SPEC_SECTIONS.flatMap((section) =>
  section.rules.map(([suffix, title]) => ({ id: `${section.section}${suffix}`, section: section.section, title })),
);
