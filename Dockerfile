# The gateway and its init step in one image (docs/image.md):
#   gateway        serves the jobs of containers; the default
#   sidecar-init   lays the wire of a job, and waits for it
#   tidegate       everything else: check, explain, verify, report …
# Debian's own packages and the locked npm packages, nothing else; no step needs a shell when the image runs.
ARG NODE_IMAGE=node:24-bookworm-slim
ARG DEBIAN_IMAGE=debian:bookworm-slim

# The npm packages, as locked (not `npm ci`: see scripts/setup.sh). No install script runs: all that is native comes prebuilt. A company's registry and its
# certificate authority come as build secrets, and stay out of every layer.
FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS packages
ARG TARGETARCH
WORKDIR /opt/tidegate
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=secret,id=npmrc --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/ca; fi; \
    case "$TARGETARCH" in amd64) cpu=x64 ;; *) cpu=$TARGETARCH ;; esac; \
    npm install --no-save --omit=dev --ignore-scripts --no-audit --no-fund --os=linux --cpu="$cpu" --cache=/tmp/npm \
      --userconfig=/run/secrets/npmrc \
 && rm -rf /tmp/npm .npmrc node_modules/.package-lock.json

# Node may be given these capabilities by the container; without a user who is root, only a file can pass them on. Permitted
# only: the program takes up what it was given, and says what it lacks (gateway/packet/own-capabilities.ts).
FROM ${NODE_IMAGE} AS node
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libcap2-bin \
 && setcap cap_net_admin,cap_sys_ptrace,cap_dac_read_search=p /usr/local/bin/node

FROM ${DEBIAN_IMAGE} AS image
RUN apt-get update \
 && apt-get install --yes --no-install-recommends nftables iproute2 ca-certificates \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/ldconfig/aux-cache /var/log/apt /var/log/*.log \
 && groupadd --gid 65532 tidegate \
 && useradd --uid 65532 --gid tidegate --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin tidegate \
 && install -d -o tidegate -g tidegate /run/tidegate /run/tidegate-control /var/log/tidegate \
 && install -d /etc/tidegate /opt/tidegate \
 && install -d -o tidegate -g tidegate /opt/tidegate/.node
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=packages /opt/tidegate /opt/tidegate
COPY bin/load.mjs /opt/tidegate/bin/load.mjs
COPY bin/image /opt/tidegate/bin/image
COPY gateway /opt/tidegate/gateway
COPY sidecar-init /opt/tidegate/sidecar-init
COPY LICENSE /opt/tidegate/LICENSE
COPY bin/image/gateway.yaml /etc/tidegate/gateway.yaml
ENV PATH=/opt/tidegate/bin/image:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
WORKDIR /opt/tidegate
USER tidegate
# What a first start would compile, for the two users who run it: a cache belongs to one user, and to Node with these options.
# The user comes first, so that the folder is theirs.
RUN ["node", "--max-semi-space-size=8", "bin/image/warm.mjs"]
RUN ["tidegate", "--version"]
RUN ["sidecar-init", "--version"]
USER root
RUN ["node", "--max-semi-space-size=8", "bin/image/warm.mjs"]
USER tidegate

ARG VERSION=0.0.0-local
ARG REVISION=unknown
ARG DEBIAN_IMAGE
LABEL org.opencontainers.image.title="tidegate" \
      org.opencontainers.image.description="A sidecar network gateway for CI/CD build containers: one wire, one policy, one record." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.documentation="docs/image.md" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${DEBIAN_IMAGE}"
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["node", "bin/image/health.mjs"]
STOPSIGNAL SIGTERM
CMD ["gateway"]
