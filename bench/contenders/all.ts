import type { Contender } from './contender.ts'
import { direct } from './direct.ts'
import { dnsmasq, unbound } from './dns.ts'
import { haproxy } from './haproxy.ts'
import { httpMitmProxy } from './http-mitm-proxy.ts'
import { mitmproxy } from './mitmproxy.ts'
import { nginx } from './nginx.ts'
import { squid } from './squid.ts'
import { tidegate } from './tidegate.ts'

/** All that carry HTTP, in the order of their turns: those that are compared by a target are neighbours. */
export const contenders: readonly Contender[] = [direct, tidegate, nginx, haproxy, squid, httpMitmProxy, mitmproxy]

/** Peers that only answer DNS. */
export const dnsContenders: readonly Contender[] = [dnsmasq, unbound]
