import { describe, expect, it } from 'vitest'
import { recognizeLicense } from '../../src/git/license.ts'
import { makeLab } from './gitFixture.ts'

const MIT = `The MIT License (MIT)

Copyright (c) 2020 Ada

Permission is hereby granted, free of charge, to any person obtaining a copy of
this software and associated documentation files (the "Software"), to deal in
the Software without restriction, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.
`
const BSD2 = `Redistribution and use in source and binary forms, with or without
modification, are permitted provided that the following conditions are met:
 * Redistributions of source code must retain the above copyright notice
`
const BSD3 = `${BSD2} * Neither the name of Acme nor the names of its contributors may be used\n`
const APACHE = '                                 Apache License\n                           Version 2.0, January 2004\n'

describe('the licence of a repository', () => {
  it('is told by the licence’s own words, however they are broken and indented', () => {
    expect(recognizeLicense(MIT)).toBe('MIT')
    expect(recognizeLicense(MIT.replaceAll('\n', '\r\n  '))).toBe('MIT')
    expect(recognizeLicense(MIT.replace(/The above[^]*/, ''))).toBe('MIT-0')
    expect(recognizeLicense(BSD2)).toBe('BSD-2-Clause')
    expect(recognizeLicense(BSD3.replaceAll(/^/gm, '# '))).toBe('BSD-3-Clause')
    expect(recognizeLicense(APACHE)).toBe('Apache-2.0')
    expect(recognizeLicense('GNU LESSER GENERAL PUBLIC LICENSE\n  Version 3, 29 June 2007')).toBe('LGPL-3.0')
    expect(recognizeLicense('All rights reserved.')).toBeNull()
  })

  it('is the first that a file holds: others’ licences stand below the repository’s own', () => {
    expect(recognizeLicense(`${MIT}\n\nIt includes software under:\n\n${BSD3}\n${APACHE}`)).toBe('MIT')
  })

  it('is that of the plain file at the root, else a choice of all that are there, else none', async () => {
    const lab = await makeLab({ LICENSE: MIT, 'LICENSE.bundled': APACHE, 'vendor/LICENSE': BSD3 })
    const license = () => lab.repository.license(lab.git('rev-parse', 'HEAD'))
    expect(await license()).toBe('MIT')
    await lab.commit({
      LICENSE: 'Either of the two.',
      'LICENSE.bundled': null,
      'LICENSE.APACHE': APACHE,
      'LICENSE.BSD': BSD2,
    })
    expect(await license()).toBe('Apache-2.0 OR BSD-2-Clause')
    await lab.commit({ LICENSE: null, 'LICENSE.APACHE': null, 'LICENSE.BSD': null })
    expect(await license()).toBeNull()
  })
})

describe('the languages of a repository', () => {
  it('are shares of the source bytes, without others’ code, output of tools, data and prose', async () => {
    const lab = await makeLab({
      'src/a.py': 'x'.repeat(60),
      'src/b.rs': 'x'.repeat(30),
      'src/c.h': 'x'.repeat(4),
      'src/c.cpp': 'x'.repeat(6),
      'vendor/d.go': 'x'.repeat(500),
      'docs/conf.py': 'x'.repeat(500),
      'a.min.js': 'x'.repeat(500),
      'data.json': 'x'.repeat(500),
      'README.md': 'x'.repeat(500),
    })
    expect(await lab.repository.languages(lab.git('rev-parse', 'HEAD'))).toEqual([
      { name: 'Python', share: 0.6 },
      { name: 'Rust', share: 0.3 },
      { name: 'C++', share: 0.1 },
    ])
  })
})
