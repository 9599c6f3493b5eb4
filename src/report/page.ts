import { digestOf } from '../domain/digest.ts'
import { html, trusted, type Html } from './html.ts'
import { PAGE_SCRIPT } from './pageScript.ts'
import { PAGE_STYLE } from './pageStyle.ts'

/**
 * A whole page in one file: it loads nothing, and by its own policy can load nothing and runs no script but ours, so
 * that a text which got past the escaping would still be only text.
 */
export function renderPage({ title, body }: { title: string; body: Html }): string {
  const digest = Buffer.from(digestOf(PAGE_SCRIPT).slice('sha256:'.length), 'hex').toString('base64')
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'`
  const { markup } = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="referrer" content="no-referrer" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        <style>
          ${trusted(PAGE_STYLE)}
        </style>
      </head>
      <body>
        ${body} ${trusted(`<script>${PAGE_SCRIPT}</script>`)}
      </body>
    </html> `
  return markup
}
