// What `up --datapath` adds to a run: the VPC of namespaces under the nodes, the plugin in the place of plain calls, and pings.

import type { Prng } from "../base/prng.ts";
import type { Cluster } from "../cluster/index.ts";
import type { World } from "../emulator/model/world.ts";
import { envBoolStrict } from "../ipam/settings.ts";
import type { Clock } from "../ports/clock.ts";
import type { UpNode } from "../world/world.ts";
import type { AgentProcess } from "./agent-process.ts";
import { EchoPlace } from "./echo.ts";
import { Fabric, INTERNET_ADDRESS, PEER_ADDRESS } from "./fabric.ts";
import type { PingCount, PingTrouble } from "./ping-count.ts";
import { Pinger } from "./pings.ts";
import { type NodePods, PodNetwork } from "./pod-network.ts";

export interface RunDatapathOptions {
  /** Starts the CNI plugin. */
  readonly pluginCommand: readonly string[];
  readonly cluster: Cluster;
  readonly nodes: readonly UpNode[];
  readonly world: World;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly networkName: string;
  readonly onText: (text: string) => void;
}

export class RunDatapath {
  readonly #options: RunDatapathOptions;
  readonly #fabric: Fabric;
  readonly #network: PodNetwork;
  readonly #pinger: Pinger;
  /** Hosts outside the VPC that answer pings. */
  readonly #outside: readonly EchoPlace[];

  private constructor(options: RunDatapathOptions, fabric: Fabric, outside: readonly EchoPlace[]) {
    const { cluster, clock, world, prng, onText } = options;
    this.#options = options;
    this.#fabric = fabric;
    this.#outside = outside;
    this.#network = new PodNetwork({ fabric, clock });
    const env = Object.fromEntries(cluster.cni.env);
    const isExternalSnat = envBoolStrict(env, { name: "AWS_VPC_K8S_CNI_EXTERNALSNAT", otherwise: false, warnings: [] });
    this.#pinger = new Pinger({ network: this.#network, world, isExternalSnat, prng, onText });
  }

  /** Rejects when the machine does not allow it. */
  static async start(options: RunDatapathOptions): Promise<RunDatapath> {
    const { nodes, world, clock, onText } = options;
    const fabric = await Fabric.create({ instanceIds: nodes.map((node) => node.instanceId), onProblem: onText });
    const outside: EchoPlace[] = [];
    try {
      await fabric.follow(world, () => clock.nowMs());
      for (const address of [INTERNET_ADDRESS, PEER_ADDRESS])
        outside.push(await EchoPlace.open(fabric.outsideNamespace, { address }));
    } catch (error) {
      for (const place of outside) place.close();
      await fabric.close();
      throw error;
    }
    return new RunDatapath(options, fabric, outside);
  }

  hostNetns(instanceId: string): string {
    return this.#fabric.nodeNamespace(instanceId);
  }

  /** ADD and DEL on a node as its container runtime does them. */
  podsOf(agent: AgentProcess): NodePods {
    const { env } = this.#options.cluster.cni;
    return this.#network.node({
      command: this.#options.pluginCommand,
      name: agent.node.name,
      instanceId: agent.node.instanceId,
      networkName: this.#options.networkName,
      config: {
        vethPrefix: env.get("AWS_VPC_K8S_CNI_VETHPREFIX") ?? "eni",
        mtu: env.get("POD_MTU") ?? env.get("AWS_VPC_ENI_MTU") ?? "9001",
        podSGEnforcingMode: env.get("POD_SECURITY_GROUP_ENFORCING_MODE") ?? "strict",
        pluginLogFile: agent.pluginLogFile,
        pluginLogLevel: "info",
        socketPath: agent.socketPath,
        hostNetns: this.hostNetns(agent.node.instanceId),
      },
    });
  }

  startPings(): void {
    this.#pinger.start();
  }

  pings(): PingCount[] {
    return this.#pinger.counts();
  }

  pingTroubles(): PingTrouble[] {
    return this.#pinger.troubles();
  }

  stopPings(): void {
    this.#pinger.stop();
  }

  /** What the plugins have begun goes with the namespaces, and agents that are to end need not wait for it. */
  endPlugins(): void {
    this.#network.endPlugins();
  }

  /** When the agents are gone: removes every namespace. */
  async close(): Promise<void> {
    this.#pinger.stop();
    this.#network.close();
    for (const place of this.#outside) place.close();
    await this.#fabric.close();
  }

  /** The same at once. */
  kill(): void {
    this.#pinger.stop();
    this.#network.close();
    for (const place of this.#outside) place.close();
    this.#fabric.kill();
  }
}
