import type { Scratch } from './scratch.ts'
import { listTree, readFileAt } from './trees.ts'

const FILE = /^(?:un)?(?:licen[cs]e|copying|copyright)(?:[-._].*)?$/i
/** A file longer than this is a list of other people's licences too; its own stands first. */
const READ = 64 * 1024

/** What a licence's text has and no other's, in lower case with single blanks. The id is GitHub's. */
const PHRASES: readonly (readonly [id: string, phrase: RegExp])[] = [
  [
    'MIT',
    /permission is hereby granted, free of charge, to any person obtaining a copy of th(?:is|e) software and associated documentation files/,
  ],
  ['BSD', /redistribution and use (?:of this software )?in source and binary forms?,? with or without modification/],
  [
    'ISC',
    /permission to use, copy, modify,? (?:and|and\/or|or) distribute this software for any purpose with or without fee is hereby granted/,
  ],
  ['Apache-2.0', /apache license,? version 2\.0/],
  ['AGPL-3.0', /gnu affero general public license version 3/],
  ['LGPL-3.0', /gnu lesser general public license version 3/],
  ['LGPL-2.1', /gnu lesser general public license version 2\.1/],
  ['GPL-3.0', /gnu general public license version 3/],
  ['GPL-2.0', /gnu general public license version 2/],
  ['MPL-2.0', /mozilla public license,? version 2\.0/],
  ['EPL-2.0', /eclipse public license - v 2\.0/],
  ['EPL-1.0', /eclipse public license - v 1\.0/],
  ['EUPL-1.2', /european union public licence v\. ?1\.2/],
  ['Unlicense', /this is free and unencumbered software released into the public domain/],
  ['CC0-1.0', /cc0 1\.0 universal/],
  ['BSL-1.0', /boost software license - version 1\.0/],
  ['PSF-2.0', /python software foundation license version 2/],
  [
    'Zlib',
    /this software is provided ['‘"]as-is['’"], without any express or implied warranty\. in no event will the authors be held liable/,
  ],
  ['Artistic-2.0', /the artistic license 2\.0/],
  ['WTFPL', /do what the fuck you want to public license/],
  ['BlueOak-1.0.0', /blue oak model license/],
]

/** The SPDX id of the licence files at a commit's root; of a choice of licences, an expression with OR. */
export async function findLicense(scratch: Scratch, commit: string): Promise<string | null> {
  const files = (await listTree(scratch, commit)).filter(({ path }) => FILE.test(path))
  const ids = new Set<string>()
  for (const { path } of files.sort((a, b) => a.path.length - b.path.length || (a.path < b.path ? -1 : 1))) {
    const text = await readFileAt(scratch, commit, path)
    const id = text && recognizeLicense(text.subarray(0, READ).toString('utf8'))
    if (id) ids.add(id)
    // A plain LICENSE that is one speaks for the repository; others beside it are of what it includes.
    if (id && /^[^-._]+(?:\.(?:txt|md|rst))?$/i.test(path)) return id
  }
  return ids.size === 0 ? null : [...ids].sort().join(' OR ')
}

/** The SPDX id of a licence's text: that whose words come first. Null for one that is not known. */
export function recognizeLicense(text: string): string | null {
  const plain = text.toLowerCase().replaceAll(/[\s*#>=_~-]*\s[\s*#>=_~]*/g, ' ')
  let first: { id: string; at: number } | null = null
  for (const [id, phrase] of PHRASES) {
    const at = plain.search(phrase)
    if (at !== -1 && (first === null || at < first.at)) first = { id, at }
  }
  return first && variantOf(first.id, plain.slice(first.at, first.at + 2_500))
}

/** Licences that differ by a clause. */
function variantOf(id: string, text: string): string {
  switch (id) {
    case 'MIT':
      return /the above copyright notice/.test(text) ? 'MIT' : 'MIT-0'
    case 'ISC':
      return /provided that the above/.test(text) ? 'ISC' : '0BSD'
    case 'BSD':
      if (/all advertising materials/.test(text)) return 'BSD-4-Clause'
      return /neither the names?|may not be used to endorse|the names? of .{1,80} may not/.test(text)
        ? 'BSD-3-Clause'
        : 'BSD-2-Clause'
    default:
      return id
  }
}
