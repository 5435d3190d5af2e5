// The introspection and metrics pages over HTTP (ipamd.md 9.2, 9.3). Read-only; every body is made from the engine's view.

import { formatIpv4, type Ipv4 } from "../base/ipv4.ts";
import { timestampNsOf } from "../ipam/checkpoint.ts";
import type { AttachmentText } from "../ipam/messages.ts";
import type { AddressView, Attachment, CidrView, EngineView, EniView } from "../ipam/types.ts";
import { formatListenAddress, type ListenAddress } from "./config.ts";
import { messageOf } from "./engine-host.ts";
import type { AgentMetrics } from "./metrics.ts";
import { claimSocketPath, ListenError, removeSocket, restrictSocket } from "./unix-socket.ts";

/** The reference's read and write timeouts. */
const IDLE_SECONDS = 5;
/** Root only: pods' names are in it. */
const SOCKET_MODE = 0o600;
const GO_ZERO_TIME = "0001-01-01T00:00:00Z";

export interface IntrospectionSources {
  readonly view: () => EngineView;
  readonly textOf: (attachment: Attachment) => AttachmentText;
  /** Name of the ENIConfig of this node; rejects when the node cannot be read. */
  readonly eniConfigName: () => Promise<string>;
  readonly ipamdEnv: Readonly<Record<string, unknown>>;
  readonly networkEnv: Readonly<Record<string, unknown>>;
}

export interface HttpServer {
  /** Where it listens; the real port when 0 was asked for. */
  readonly address: ListenAddress;
  close(): void;
}

export function serveIntrospection(address: ListenAddress, sources: IntrospectionSources): Promise<HttpServer> {
  const pages: Readonly<Record<string, () => Response | Promise<Response>>> = {
    "/v1/enis": () => Response.json(enisBody(sources)),
    "/v1/eni-configs": async () => {
      try {
        return Response.json(await sources.eniConfigName());
      } catch (error) {
        return new Response(`${messageOf(error)}\n`, { status: 404 });
      }
    },
    "/v1/ipamd-env-settings": () => Response.json(sources.ipamdEnv),
    "/v1/networkutils-env-settings": () => Response.json(sources.networkEnv),
  };
  const commands = { AvailableCommands: Object.keys(pages) };
  return serve(address, "INTROSPECTION_BIND_ADDRESS", (path) => pages[path]?.() ?? Response.json(commands));
}

export function serveMetrics(address: ListenAddress, metrics: AgentMetrics): Promise<HttpServer> {
  return serve(address, "SLASH28_METRICS_ADDRESS", async (path) => {
    if (path !== "/metrics") return new Response("404 page not found\n", { status: 404 });
    return new Response(await metrics.text(), { headers: { "content-type": metrics.contentType } });
  });
}

async function serve(
  address: ListenAddress,
  variable: string,
  page: (path: string) => Response | Promise<Response>,
): Promise<HttpServer> {
  const fetch = (request: Request): Response | Promise<Response> => {
    if (request.method !== "GET" && request.method !== "HEAD") return new Response("", { status: 405 });
    return page(new URL(request.url).pathname);
  };
  const error = (failure: Error): Response => new Response(`${failure.message}\n`, { status: 500 });
  if (address.kind === "unix") {
    await claimSocketPath(address.path, variable);
    const server = listen(address, variable, () => Bun.serve({ unix: address.path, fetch, error }));
    restrictSocket(address.path, SOCKET_MODE);
    return {
      address,
      close() {
        void server.stop(true);
        removeSocket(address.path);
      },
    };
  }
  const { host: hostname, port } = address;
  const server = listen(address, variable, () =>
    Bun.serve({ hostname, port, idleTimeout: IDLE_SECONDS, fetch, error }),
  );
  return { address: { ...address, port: server.port ?? port }, close: () => void server.stop(true) };
}

function listen<T>(address: ListenAddress, variable: string, start: () => T): T {
  try {
    return start();
  } catch (error) {
    throw new ListenError(
      `${formatListenAddress(address)} cannot be served: ${messageOf(error)}`,
      `Stop what listens there, or choose another address with ${variable}.`,
    );
  }
}

// ---------------------------------------------------------------- /v1/enis

function enisBody(sources: IntrospectionSources): object {
  const view = sources.view();
  return {
    "0": {
      TotalIPs: view.runningTotal,
      AssignedIPs: view.runningAssigned,
      ENIs: Object.fromEntries(view.enis.map((eni) => [eni.eniId, eniBody(eni, sources)])),
    },
  };
}

function eniBody(eni: EniView, sources: IntrospectionSources): object {
  return {
    ID: eni.eniId,
    IsPrimary: eni.isPrimary,
    IsTrunk: eni.isTrunk,
    IsEFA: eni.isEfa,
    DeviceNumber: eni.deviceNumber,
    AvailableIPv4Cidrs: Object.fromEntries(eni.cidrs.map((cidr) => [cidrText(cidr), cidrBody(cidr, sources)])),
    IPv6Cidrs: {},
    IsExcludedForPodIPs: eni.isExcluded,
    RouteTableID: eni.routeTableId,
    SubnetID: eni.subnetId,
  };
}

function cidrBody(cidr: CidrView, sources: IntrospectionSources): object {
  return {
    Cidr: { IP: formatIpv4(cidr.base), Mask: cidr.isPrefix ? "////8A==" : "/////w==" },
    IPAddresses: Object.fromEntries(
      cidr.addresses.map((address) => [formatIpv4(address.address), addressBody(address, sources)]),
    ),
    IsPrefix: cidr.isPrefix,
    AddressFamily: "",
  };
}

function addressBody(address: AddressView, sources: IntrospectionSources): object {
  const isAllocated = address.state === "allocated";
  const text = isAllocated ? sources.textOf(address.attachment) : undefined;
  return {
    Address: formatIpv4(address.address),
    // Container and interface are always blanked here, as the reference does.
    IPAMKey: { networkName: text?.networkName ?? "", containerID: "", ifName: "" },
    IPAMMetadata: {
      ...(text?.namespace ? { k8sPodNamespace: text.namespace } : {}),
      ...(text?.podName ? { k8sPodName: text.podName } : {}),
      ...(text?.interfacesCount ? { interfacesCount: text.interfacesCount } : {}),
    },
    AssignedTime: timeText(address.allocatedWallMs, address.allocatedNsRest),
    UnassignedTime:
      address.releasedWallMs === undefined ? GO_ZERO_TIME : timeText(Math.floor(address.releasedWallMs), 0),
  };
}

function cidrText(cidr: { readonly base: Ipv4; readonly isPrefix: boolean }): string {
  return `${formatIpv4(cidr.base)}/${cidr.isPrefix ? 28 : 32}`;
}

/** RFC 3339 with nanoseconds, trailing zeros dropped, as Go prints it. */
function timeText(wallMs: number, nsRest: number): string {
  if (wallMs === 0 && nsRest === 0) return GO_ZERO_TIME;
  const seconds = new Date(Math.floor(wallMs / 1_000) * 1_000).toISOString().slice(0, 19);
  const fraction = timestampNsOf({ wallMs, nsRest }).slice(-9).replace(/0+$/, "");
  return fraction === "" ? `${seconds}Z` : `${seconds}.${fraction}Z`;
}
