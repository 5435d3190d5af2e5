// The facts file (`--facts FILE.yaml`, docs/schemas/facts.v1.json): what a person knows and no file says. All keys are optional;
// a key that is not known, or a value that is not what its key holds, is an error of usage with its place.

import { parseCidr } from "../../base/ipv4.ts";
import type { CheckError } from "../../text/check-error.ts";
import { nearNames } from "../../text/near-names.ts";
import { placeYaml } from "../../text/placed-document.ts";
import { type IntegerRange, type MapReader, scalarText, YamlSource } from "../../text/yaml-source.ts";
import type { FactsPart, FleetFact, Located, NodeBootstrap, NodeFact, SubnetFact } from "../facts/model.ts";
import { isCommonVariable, KNOWN_VARIABLES } from "../facts/variables.ts";
import { readBootstrapArguments } from "./config/bootstrap-arguments.ts";
import { readChartValues } from "./config/chart-values.ts";
import { osFamilyOf } from "./config/os-family.ts";
import { readFactsPolicy } from "./facts-policy.ts";
import { joinParts } from "./objects.ts";
import { Placed } from "./placed.ts";

export type FactsFileResult =
  | { readonly facts: FactsPart; readonly errors?: undefined }
  | { readonly errors: readonly CheckError[]; readonly facts?: undefined };

const INSTANCE_TYPE = /^[a-z][a-z0-9-]*\.[a-z0-9-]+$/;
const VERSION = /^v?\d+\.\d+/;
const COUNT: IntegerRange = { min: 0, max: 1_000_000_000 };
/** kubelet takes no more than fits a 32-bit integer; a node of more pods than this is a slip of the pen. */
const MAX_PODS: IntegerRange = { min: 1, max: 100_000 };

/** The facts, or every error of the file at once. Never throws. */
export function readFactsFile(text: string, path: string): FactsFileResult {
  const source = new YamlSource(text, path);
  const [first, second] = source.documents;
  if (second !== undefined) source.error(second.contents, "a facts file is one YAML document; here a second begins");
  const isEmpty = first === undefined || first.contents === null;
  const map = isEmpty || source.errors.length > 0 ? undefined : source.map(first.contents, "the facts file");
  const [document] = map === undefined ? [] : placeYaml(text, path).documents;
  const facts =
    map === undefined || document === undefined ? {} : new FactsFile(source, map, new Placed(document)).read();
  if (source.errors.length > 0) return { errors: source.errors };
  return { facts: { ...facts, read: [{ file: path, kind: "facts file" }] } };
}

class FactsFile {
  readonly #source: YamlSource;
  readonly #map: MapReader;
  readonly #placed: Placed;

  constructor(source: YamlSource, map: MapReader, placed: Placed) {
    this.#source = source;
    this.#map = map;
    this.#placed = placed;
  }

  read(): FactsPart {
    const region = this.#map.text("region", { isRequired: false });
    const provisioner = this.#map.text("provisioner", { isRequired: false });
    const policy = this.#map.value("iamPolicy");
    const part = joinParts([
      this.#env(),
      { versions: [...this.#version("cniVersion", "cni"), ...this.#version("kubernetesVersion", "kubernetes")] },
      { bootstraps: this.#bootstraps(), nodes: this.#nodes(), subnets: this.#subnets() },
      { eniConfigs: this.#texts("eniConfigs").map(({ value, at }) => ({ name: value, securityGroupIds: [], at })) },
      this.#addon(),
      policy === undefined
        ? {}
        : readFactsPolicy(this.#placed.get("iamPolicy"), (message) => this.#source.error(policy, message)),
      {
        ...(region === undefined ? {} : { region }),
        ...(provisioner === undefined ? {} : { provisioner: this.#placed.get("provisioner").located(provisioner) }),
        fleet: this.#fleet(),
        notes: this.#texts("notes").map((note) => note.value),
      },
    ]);
    this.#map.done();
    return part;
  }

  #env(): FactsPart {
    const texts = this.#map.texts("env");
    if (texts === undefined) return {};
    const placed = this.#placed.get("env");
    const env = [...texts].map(([name, value]) => {
      const one = placed.get(name);
      const isString = typeof one.value === "string";
      return { name, value, isString, at: one.at, valueSpan: one.span, entrySpan: one.entrySpan };
    });
    const rest = { isComplete: false, initEnv: [], otherKeys: [], at: placed.at } as const;
    // A slip of the pen would count as "not set": said, but no error, for the agent itself takes any name.
    const unread = env.flatMap(({ name, at }) => {
      if (KNOWN_VARIABLES.includes(name) || isCommonVariable(name)) return [];
      const near = nearNames(name, KNOWN_VARIABLES)[0];
      if (near === undefined) return [];
      return [{ file: at.file, line: at.line, reason: `the agent reads no variable ${name}; did you mean ${near}?` }];
    });
    return { settings: [{ origin: "facts", layer: "declared", name: "env of the facts file", env, ...rest }], unread };
  }

  #version(key: string, component: "cni" | "kubernetes"): NonNullable<FactsPart["versions"]> {
    const version = this.#map.text(key, { isRequired: false, isAnyScalar: true });
    if (version === undefined) return [];
    if (VERSION.test(version)) return [{ component, version, at: this.#placed.get(key).at }];
    this.#source.error(this.#map.value(key), `"${key}" must be a version such as v1.18.3, not "${version}"`);
    return [];
  }

  /** All that the file says of how nodes are booted, as one bootstrap. */
  #bootstraps(): NodeBootstrap[] {
    const kubelet = this.#map.map("kubelet");
    const maxPods = kubelet && this.#count(kubelet, "maxPods", this.#placed.get("kubelet"), MAX_PODS);
    kubelet?.done();
    const os = this.#map.text("os", { isRequired: false });
    const family = os === undefined ? undefined : (osFamilyOf(os) ?? "other");
    const text = this.#map.text("nodeBootstrap", { isRequired: false });
    const placed = this.#placed.get("nodeBootstrap");
    const given = text === undefined ? {} : readBootstrapArguments(text, placed.at, placed.span);
    const instanceTypes = this.#texts("instanceTypes").filter((type) =>
      this.#isInstanceType("instanceTypes", type.value),
    );
    if (maxPods === undefined && os === undefined && text === undefined && instanceTypes.length === 0) return [];
    // Images other than Amazon Linux 2 do not run bootstrap.sh: what its arguments ask for is not what they get.
    const isIgnored = family !== undefined && family !== "al2";
    return [
      {
        origin: "facts",
        name: "",
        requirements: [],
        subnetIds: [],
        ...given,
        at: this.#placed.at,
        instanceTypes,
        osFamily: family && this.#placed.get("os").located(family),
        maxPods: maxPods ?? (isIgnored ? undefined : given.maxPods),
      },
    ];
  }

  #nodes(): NodeFact[] {
    return this.#maps("nodes").map(({ map, placed }, index): NodeFact => {
      const instanceType = map.text("instanceType", { isRequired: false });
      if (instanceType !== undefined) this.#isInstanceType("instanceType", instanceType, map);
      const node: NodeFact = {
        key: `node-${index + 1}`,
        instanceType: instanceType === undefined ? undefined : placed.get("instanceType").located(instanceType),
        maxPods: this.#count(map, "maxPods", placed, MAX_PODS),
        addressCount: this.#count(map, "addresses", placed, COUNT),
        labels: new Map(),
        annotations: new Map(),
        taints: [],
        at: placed.at,
      };
      map.done();
      return node;
    });
  }

  #subnets(): SubnetFact[] {
    return this.#maps("subnets").map(({ map, placed }, index): SubnetFact => {
      // A person may know a subnet by its range alone: the report then calls it by that.
      const id = map.text("id", { isRequired: false });
      const cidrText = map.text("cidr", { isRequired: false });
      const cidr = cidrText === undefined ? undefined : parseCidr(cidrText);
      if (cidrText !== undefined && cidr === undefined) {
        this.#source.error(map.value("cidr"), `"cidr" must be a block such as 10.0.0.0/24, not "${cidrText}"`);
      }
      const subnet = {
        cidr,
        availableIpAddressCount: this.#count(map, "availableIpAddressCount", placed, COUNT)?.value,
        freePrefixCount: this.#count(map, "freePrefixCount", placed, COUNT)?.value,
        zone: map.text("az", { isRequired: false }),
      };
      map.done();
      return { id: id ?? cidrText ?? `subnet ${index + 1}`, ...subnet, tags: new Map(), isLive: true, at: placed.at };
    });
  }

  #fleet(): FleetFact {
    const map = this.#map.map("fleet");
    if (map === undefined) return {};
    const placed = this.#placed.get("fleet");
    const nodeCount = this.#count(map, "nodes", placed, COUNT);
    const podCount = this.#count(map, "pods", placed, COUNT);
    map.done();
    return { ...(nodeCount === undefined ? {} : { nodeCount }), ...(podCount === undefined ? {} : { podCount }) };
  }

  /** A JSON text, as `aws eks describe-addon` prints it, or the same as a map. */
  #addon(): FactsPart {
    const node = this.#map.value("addonConfigurationValues");
    if (node === undefined) return {};
    const placed = this.#placed.get("addonConfigurationValues");
    const read = (values: Placed) =>
      readChartValues(values, { origin: "addon", name: "add-on configuration (facts file)", at: placed.at });
    if (placed.isMap) return read(placed);
    const { documents, errors } = placed.embedded("json");
    const values = documents[0];
    if (errors.length === 0 && values?.isMap === true) return read(values);
    const why = errors[0] === undefined ? "" : `: ${errors[0].message}`;
    this.#source.error(node, `"addonConfigurationValues" must be the JSON text of the add-on's configuration${why}`);
    return {};
  }

  /** A number, or digits in quotes. */
  #count(map: MapReader, key: string, placed: Placed, range: IntegerRange): Located<number> | undefined {
    const node = map.value(key);
    if (node === undefined) return undefined;
    const text = scalarText(this.#source.resolve(node), true);
    const value = /^\d{1,10}$/.test(text ?? "") ? Number(text) : undefined;
    if (value !== undefined && value >= range.min && value <= range.max) return placed.get(key).located(value);
    // Says what is wrong with it.
    map.integer(key, range, { isRequired: false });
    return undefined;
  }

  /** A list of texts, or one alone. */
  #texts(key: string): Located<string>[] {
    const node = this.#map.value(key);
    if (node === undefined) return [];
    const placed = this.#placed.get(key);
    if (!Array.isArray(placed.value)) {
      const text = this.#map.text(key, { isRequired: false });
      return text === undefined ? [] : [placed.located(text)];
    }
    return (this.#map.list(key) ?? []).flatMap((item, index) => {
      const text = scalarText(this.#source.resolve(item), true);
      if (text !== undefined && text !== "") return [placed.get(index).located(text)];
      this.#source.error(item, `"${key}" must be a list of texts`);
      return [];
    });
  }

  #maps(key: string): { readonly map: MapReader; readonly placed: Placed }[] {
    return (this.#map.list(key) ?? []).flatMap((item, index) => {
      const map = this.#source.map(item, `"${key}[${index}]"`);
      return map === undefined ? [] : [{ map, placed: this.#placed.get(key, index) }];
    });
  }

  #isInstanceType(key: string, text: string, map: MapReader = this.#map): boolean {
    if (INSTANCE_TYPE.test(text)) return true;
    this.#source.error(map.value(key), `"${key}" must hold instance types such as m5.large, not "${text}"`);
    return false;
  }
}
