import type { Registry } from '../asked.ts'

/**
 * Alpine: `/ARCH/NAME-VERSION-rN.apk`. Its index has digests of a part of each file only (`C:`), and times of building, not
 * of publishing: nothing of it is held against what comes in. https://wiki.alpinelinux.org/wiki/Apk_spec
 */
export const apk: Registry = {
  ecosystem: 'apk',
  recognise({ segments }) {
    const [last = '', arch = ''] = segments.toReversed()
    if (last === 'APKINDEX.tar.gz') return { kind: 'index', ecosystem: 'apk', name: '' }
    const [, name, version] = /^([a-z0-9][\w.+-]*?)-(\d[\w.]*(?:_[a-z]+\d*)*-r\d+)\.apk$/i.exec(last) ?? []
    if (name === undefined || version === undefined || !/^[a-z0-9_]+$/.test(arch)) return undefined
    const namespace = segments.includes('alpine') ? 'alpine' : undefined
    return { kind: 'artifact', ecosystem: 'apk', namespace, name, version, qualifiers: { arch }, key: last }
  },
}
