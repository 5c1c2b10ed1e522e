/** The look of Slack's own client, in its light and its dark theme. */
export const css = `
.slack { --text: #1d1c1d; --faint: #616061; --paper: #fff; --line: #dddddd; --link: #1264a3; --code: #c01343;
  --shade: rgba(29,28,29,.04); --edge: rgba(29,28,29,.13); --button: #fff; --green: #007a5a; --red: #d2164f;
  --mention: #fdf4d5; color: var(--text); font: 15px/1.46668 Lato, "Helvetica Neue", Helvetica, "Segoe UI", Arial, sans-serif;
  overflow-wrap: anywhere }
@media (prefers-color-scheme: dark) { .slack { --text: #d1d2d3; --faint: #ababad; --paper: #1a1d21; --line: #35373b;
  --link: #1d9bd1; --code: #e8912d; --shade: rgba(232,232,232,.04); --edge: rgba(232,232,232,.13); --button: #222529;
  --green: #148567; --red: #d02458; --mention: #33301f } }
.slack-window { background: var(--paper); border: 1px solid var(--line); border-radius: 8px; overflow: hidden }
.slack-place { padding: 10px 20px; border-bottom: 1px solid var(--line); font-weight: 900; font-size: 17px }
.slack-place span { font-weight: 400 }
.slack-post { display: flex; gap: 8px; padding: 16px 20px 20px }
.slack-logo { flex: none; display: grid; place-items: center; width: 36px; height: 36px; border-radius: 8px;
  background: linear-gradient(135deg, #4338ca, #7c3aed); color: #fff; font-weight: 900; font-size: 17px }
.slack-body { min-width: 0; flex: 1; max-width: 600px }
.slack-by b { font-weight: 900 }
.slack-app { display: inline-block; margin: 0 2px; padding: 1px 3px; border-radius: 2px; background: var(--edge);
  color: var(--faint); font-size: 10px; font-weight: 700; line-height: 1.25; vertical-align: 1px }
.slack-time { color: var(--faint); font-size: 12px }
.slack p, .slack blockquote, .slack pre { margin: 0 }
.slack p:empty { display: none }
.slack a { color: var(--link); text-decoration: none }
.slack a:hover { text-decoration: underline }
.slack b { font-weight: 700 }
.slack code { padding: 2px 3px 1px; border: 1px solid var(--edge); border-radius: 3px; background: var(--shade);
  color: var(--code); font: 12px/1.5 Monaco, Menlo, Consolas, "Liberation Mono", monospace }
.slack pre { margin: 4px 0; padding: 8px; border: 1px solid var(--edge); border-radius: 4px; background: var(--shade);
  font: 12px/1.5 Monaco, Menlo, Consolas, "Liberation Mono", monospace; white-space: pre-wrap }
.slack blockquote { margin: 4px 0; padding-left: 12px; border-left: 4px solid var(--line) }
.slack .mention { padding: 0 2px; border-radius: 3px; background: var(--mention); color: var(--link) }
.slack hr { margin: 12px 0; border: 0; border-top: 1px solid var(--line) }
.slack-header { margin: 8px 0 4px; font-size: 18px; font-weight: 900; line-height: 1.33 }
.slack-section { display: flex; gap: 12px; justify-content: space-between; margin: 4px 0 8px }
.slack-section > div:first-child { flex: 1; min-width: 0 }
.slack-fields { display: grid; grid-template-columns: 1fr 1fr; gap: 8px 16px }
.slack-fields:not(:first-child) { margin-top: 8px }
.slack-fields > div { min-width: 0 }
.slack-accessory { flex: none; max-width: 40% }
.slack-actions { display: flex; flex-wrap: wrap; gap: 8px; margin: 8px 0 }
.slack-button, .slack a.slack-button { display: inline-block; padding: 4px 12px; border: 1px solid var(--edge); border-radius: 8px;
  background: var(--button); color: var(--text); font-size: 13px; font-weight: 700; line-height: 20px }
.slack a.slack-button:hover { background-image: linear-gradient(var(--shade), var(--shade)); text-decoration: none }
.slack .slack-button.slack-primary { border-color: var(--green); background: var(--green); color: #fff }
.slack .slack-button.slack-danger { border-color: var(--red); background: var(--red); color: #fff }
.slack-context { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 8px; margin: 4px 0 0; color: var(--faint);
  font-size: 13px }
.slack-context code { font-size: 11px }
.slack-image { margin: 8px 0 }
.slack-picture, .slack a.slack-picture { display: inline-block; padding: 8px 12px; border: 1px dashed var(--edge); border-radius: 8px;
  background: var(--shade); color: var(--faint); font-size: 13px }
.slack .slack-image .slack-picture { min-width: 240px; padding: 56px 24px; text-align: center }
.slack .slack-context .slack-picture { padding: 0 4px; border-radius: 4px }
.slack-notice { margin-top: 20px }
.slack-toast { display: flex; gap: 12px; max-width: 420px; padding: 12px 16px; border: 1px solid var(--line); border-radius: 14px;
  background: var(--paper); box-shadow: 0 4px 16px rgba(0,0,0,.08); font-size: 13px; line-height: 1.4 }
.slack-toast > div { min-width: 0; white-space: pre-wrap }
@media (max-width: 480px) { .slack-post { padding: 12px } .slack-place { padding: 10px 12px }
  .slack-fields { grid-template-columns: 1fr } }`
