// A node with a primary and a secondary ENI, a pod on the secondary one, and a network outside that answers for the VPC and for the
// internet: three namespaces, wired by hand as datapath.md 6 to 8 say. Made inside a mount namespace with a /run of its own.

import { run, runWith } from "./run.ts";

export const NODE_ADDRESS = "10.0.0.10";
export const POD_ADDRESS = "10.0.1.20";
/** Somewhere in the VPC's first CIDR, in a CIDR that the VPC may gain, and in the internet. */
export const VPC_PEER = "10.0.200.1";
export const GAINED_PEER = "100.64.0.1";
export const INTERNET_PEER = "203.0.113.1";

export class SnatNetwork {
  readonly node: string;
  readonly outside: string;
  readonly pod: string;

  constructor(label: string) {
    const names = ["node", "outside", "pod"].map((name) => `${name}-${label}`);
    for (const name of names) run("ip", "netns", "add", name);
    [this.node, this.outside, this.pod] = names.map((name) => `/run/netns/${name}`) as [string, string, string];
    const [node = "", outside = "", pod = ""] = names;
    run("ip", "link", "add", "eth0", "netns", node, "type", "veth", "peer", "name", "o0", "netns", outside);
    run("ip", "link", "add", "eth1", "netns", node, "type", "veth", "peer", "name", "o1", "netns", outside);
    run("ip", "link", "add", "eni1", "netns", node, "type", "veth", "peer", "name", "eth0", "netns", pod);
    this.#ip(this.node, NODE);
    this.#ip(this.outside, OUTSIDE);
    const mac = /link\/ether (\S+)/.exec(this.in(this.node, ["ip", "link", "show", "eni1"]))?.[1] ?? "";
    this.#ip(this.pod, `${POD}\nneigh add 169.254.1.1 lladdr ${mac} dev eth0 nud permanent`);
    this.in(this.node, ["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
    for (const path of [this.node, this.outside]) this.in(path, ["sysctl", "-eqw", ...LOOSE]);
  }

  in(netnsPath: string, command: readonly string[], input = ""): string {
    return runWith(input, ["nsenter", `--net=${netnsPath}`, ...command]);
  }

  /** From now on, counts packets that come out of one ENI and match. */
  count(link: "o0" | "o1", match: string): void {
    const rule = `iifname "${link}" ${match} counter`;
    const table = `table ip count-${link} { chain c { type filter hook prerouting priority -300; ${rule}; }; }`;
    this.in(this.outside, ["nft", "-f", "-"], `${table}\n`);
  }

  counted(link: "o0" | "o1"): number {
    const listing = this.in(this.outside, ["nft", "list", "table", "ip", `count-${link}`]);
    return Number(/counter packets (\d+)/.exec(listing)?.[1]);
  }

  remove(): void {
    for (const path of [this.node, this.outside, this.pod]) run("ip", "netns", "del", path.slice("/run/netns/".length));
  }

  #ip(netnsPath: string, lines: string): void {
    this.in(netnsPath, ["ip", "-batch", "-"], `${lines.trim()}\n`);
  }
}

const LOOSE = ["all", "default", "eth0", "eth1", "o0", "o1", "eni1"].map((name) => `net.ipv4.conf.${name}.rp_filter=0`);

const NODE = `
link set lo up
link set eth0 up
link set eth1 up
link set eni1 up
addr add ${NODE_ADDRESS}/24 dev eth0
addr add 10.0.1.10/24 dev eth1
route add default via 10.0.0.1 dev eth0
route del 10.0.1.0/24 dev eth1
route add 10.0.1.1 dev eth1 table 2
route add default via 10.0.1.1 dev eth1 table 2
route add ${POD_ADDRESS}/32 dev eni1
rule add pref 512 to ${POD_ADDRESS} lookup main
rule add pref 1024 fwmark 0x80/0x80 lookup main
rule add pref 1536 from ${POD_ADDRESS} lookup 2
`;
const OUTSIDE = `
link set lo up
link set o0 up
link set o1 up
addr add 10.0.0.1/24 dev o0
addr add 10.0.1.1/24 dev o1
addr add ${VPC_PEER}/32 dev lo
addr add ${GAINED_PEER}/32 dev lo
addr add ${INTERNET_PEER}/32 dev lo
route add ${POD_ADDRESS}/32 via 10.0.1.10 dev o1
`;
const POD = `
link set lo up
link set eth0 up
addr add ${POD_ADDRESS}/32 dev eth0
route add 169.254.1.1 dev eth0
route add default via 169.254.1.1 dev eth0
`;
