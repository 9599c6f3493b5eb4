import { once } from 'node:events'
import type Docker from 'dockerode'
import { isPodman, statusOf, type DockerEngine } from './dockerEngine.ts'
import { DockerFrames } from './dockerFrames.ts'
import { provideImage, type BuildOptions } from './dockerImage.ts'
import { networkName, nullWhenAbsent, partLabels, relayName } from './dockerParts.ts'
import { SandboxError } from './port.ts'

/** How relays call the engine's host, by Docker's own word for it. */
const HOST = 'host.docker.internal'
const ALIAS = 'gateway'
const PORT = 8080
/** Where a sandbox with a network finds the gateway: its relay, by name, since an address may change. */
export const RELAY_ADDRESS = `${ALIAS}:${PORT}`

const READY = 'relaying'
const MEMORY_BYTES = 256 * 1024 * 1024
const MOST_PROCESSES = 512

/** Two processes a connection, one each way; when either side ends, both do. In Debian's own Perl. */
const RELAY = `
use strict; use warnings; use IO::Socket::INET;
$| = 1; $SIG{CHLD} = 'IGNORE'; $SIG{PIPE} = 'IGNORE';
my ($name, $listen, $host, $port) = @ARGV;
my $server = IO::Socket::INET->new(LocalAddr => $name, LocalPort => $listen, Listen => 512, ReuseAddr => 1)
  or die "$name:$listen: $@\\n";
print "${READY}\\n";
sub pump {
  my ($from, $to) = @_;
  while (sysread $from, my $bytes, 65536) {
    while (length $bytes) {
      my $written = syswrite $to, $bytes;
      defined $written or last;
      substr $bytes, 0, $written, '';
    }
    last if length $bytes;
  }
  shutdown $from, 2;
  shutdown $to, 2;
}
for (;;) {
  my $client = $server->accept or next;
  my $serving = fork;
  if (!defined $serving or $serving) { close $client; next }
  close $server;
  my $gateway = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port, Timeout => 5) or exit;
  my $back = fork;
  defined $back or exit;
  $back ? pump($client, $gateway) : pump($gateway, $client);
  exit;
}
`

/** The image that relays are made with: the one that environments are built from, which has Debian's Perl. */
export function provideRelayImage(engine: DockerEngine, options: BuildOptions): Promise<string> {
  return provideImage(engine, null, options).catch((cause: Error) => {
    throw new SandboxError('unreachable', `the image of relays, --environment-base: ${cause.message}`, { cause })
  })
}

/** What is around a relay: the sandbox's name and labels, an image with Perl, and the host's port that it leads to. */
export interface RelayOptions {
  name: string
  labels: Record<string, string>
  image: string
  port: number
}

/**
 * Makes a network for one sandbox, which leads nowhere, and a relay on it, which leads to one port of the engine's host
 * alone. Returns the network's id when the relay listens. On the network the host has no address: its other ports are
 * not to be seen there. Throws {@link SandboxError} `unreachable` when the engine or the image cannot: no environment is at
 * fault.
 */
export async function makeRelay(engine: DockerEngine, options: RelayOptions): Promise<string> {
  const { docker } = engine
  const { name, labels, image, port } = options
  if (await isPodman(engine)) {
    throw new SandboxError(
      'unreachable',
      `sandbox ${name}: Podman makes no such network; let its sandboxes reach the gateway by its socket (--gateway-reach socket)`,
    )
  }
  const network = await docker
    .createNetwork({
      Name: networkName(name),
      Driver: 'bridge',
      Internal: true,
      Options: { 'com.docker.network.bridge.inhibit_ipv4': 'true' },
      Labels: partLabels(name, labels),
    })
    .catch((cause: Error) => {
      if (!/address pool/.test(cause.message)) throw cause
      throw new SandboxError(
        'unreachable',
        `sandbox ${name}: the engine has no addresses left for a network of its own; run fewer at once (--concurrency), or give the engine more (default-address-pools)`,
        { cause },
      )
    })
  const relay = await docker.createContainer({
    name: relayName(name),
    Image: image,
    Entrypoint: ['perl'],
    Cmd: ['-e', RELAY, ALIAS, String(PORT), HOST, String(port)],
    User: '65534:65534',
    WorkingDir: '/',
    Hostname: 'relay',
    Labels: partLabels(name, labels),
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      NetworkMode: network.id,
      ExtraHosts: [`${HOST}:host-gateway`],
      // The sandbox is not to be routed through it.
      Sysctls: { 'net.ipv4.ip_forward': '0' },
      Init: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      Memory: MEMORY_BYTES,
      MemorySwap: MEMORY_BYTES,
      PidsLimit: MOST_PROCESSES,
      RestartPolicy: { Name: 'on-failure' },
      LogConfig: { Type: 'none', Config: {} },
    },
    NetworkingConfig: { EndpointsConfig: { [network.id]: { Aliases: [ALIAS] } } },
  })
  await docker.getNetwork('bridge').connect({ Container: relay.id })
  await startListening(relay, name)
  return network.id
}

/** Starts a relay, and waits until it listens. */
async function startListening(relay: Docker.Container, name: string): Promise<void> {
  const stream = await relay.attach({ stream: true, stdout: true, stderr: true })
  const said = new DockerFrames()
  stream.pipe(said)
  const failed = (reason: string, cause?: unknown) =>
    new SandboxError(
      'unreachable',
      `sandbox ${name}: its way to the gateway cannot be made: ${reason.trim()}; is the image of environments (--environment-base) a Debian?`,
      { cause },
    )
  try {
    await relay.start().catch((error: Error) => {
      throw statusOf(error) === 400 ? failed(error.message, error) : error
    })
    const [first] = (await Promise.race([once(said, 'data'), once(said, 'end')])) as [Buffer?]
    if (!String(first ?? '').startsWith(READY)) throw failed(said.stderr || 'its relay ended at once')
  } finally {
    ;(stream as unknown as { destroy(): void }).destroy()
  }
}

/** Whether a sandbox's relay is there; started again where it has stopped. */
export async function keepRelay({ docker }: DockerEngine, name: string): Promise<boolean> {
  const relay = docker.getContainer(relayName(name))
  const found = await relay.inspect().catch(nullWhenAbsent)
  if (!found) return false
  if (!found.State.Running && !found.State.Restarting) await startListening(relay, name)
  return true
}
