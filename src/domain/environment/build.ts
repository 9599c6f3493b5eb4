import type { Environment } from '../../formats/environment.ts'

/** How images of environments are built here: the operator's side of a plan. */
export interface EnvironmentBuild {
  /** A Debian image that recipes start from. */
  baseImage: string
  /** Docker's network mode while an image is built. */
  network: Environment['buildNetwork']
  /**
   * Names of the build arguments that the sandbox adapter passes (proxies, package indexes): declared in each
   * Dockerfile. Their values never enter a plan.
   */
  argumentNames: readonly string[]
  /** Whether the adapter lays the operator's certificates at {@link CERTIFICATES} into each build context. */
  hasCertificates: boolean
}

/** Where a build context has the operator's certificates, as PEM. */
export const CERTIFICATES = '.prchain/ca.pem'
