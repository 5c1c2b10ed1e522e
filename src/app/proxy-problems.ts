import { error, type Problem, START, warning } from '../config/problem.ts'
import { type Env, readProxies } from '../network/proxies.ts'

/** What is wrong with the proxy variables. They are not in the file: the problems point to its start. */
export function proxyProblems(file: string, env: Env): readonly Problem[] {
  return readProxies(env).problems.map(({ level, message, hint }) =>
    (level === 'wrong' ? error : warning)('wrong_variable', file, START, message, hint),
  )
}
