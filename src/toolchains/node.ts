const INTEGRITY: Readonly<Record<string, string>> = {
  x64: 'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  arm64: 'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
}

/** The Node that runs scaffolds, as a package from npm: one program that needs nothing but glibc. */
export function nodePackage(architecture: string): { name: string; version: string; integrity: string } {
  const integrity = INTEGRITY[architecture]
  if (!integrity) throw new Error(`no Node is known for ${architecture}: scaffolds in Node run on x64 and arm64`)
  return { name: `node-linux-${architecture}`, version: '24.21.0', integrity }
}
