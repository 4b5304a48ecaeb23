# The base images of the tests, made of what `make setup-docker` has fetched. Contexts: materials, node-files, npm-files, uv-files.
FROM scratch AS debian
ADD debian.tar /
# Packages come from the lab, over the network that a build has there.
RUN echo 'deb [trusted=yes] http://apt.acme.test/bookworm ./' > /etc/apt/sources.list && rm -rf /etc/apt/sources.list.d/*
CMD ["bash"]

FROM debian AS node
COPY --from=node-files bin/node /usr/local/bin/node
COPY --from=npm-files . /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
 && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx \
 && groupadd --gid 1000 node && useradd --uid 1000 --gid node --shell /bin/bash --create-home node
CMD ["node"]

# Debian with the usual clients of a build.
FROM debian AS tools
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates curl wget git openssl python3 python3-pip \
    python3-venv ruby php-cli bind9-dnsutils netcat-openbsd socat iputils-ping procps && rm -rf /var/lib/apt/lists/*

# Laid out as Alpine is: busybox for a shell, its place for certificates, and a real client that is linked with musl.
FROM debian AS musl-files
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates busybox-static
WORKDIR /files
RUN mkdir -p bin sbin usr/bin usr/sbin etc/ssl/certs root run proc sys dev tmp var/tmp && chmod 1777 tmp var/tmp \
 && cp /bin/busybox bin/ && chroot . /bin/busybox --install -s \
 && cp /etc/ssl/certs/ca-certificates.crt etc/ssl/certs/ && ln -s certs/ca-certificates.crt etc/ssl/cert.pem \
 && echo 'root:x:0:0:root:/root:/bin/sh' > etc/passwd && echo 'root:x:0:' > etc/group
COPY --from=uv-files uv usr/bin/uv

FROM scratch AS musl
COPY --from=musl-files /files /
ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin
CMD ["/bin/sh"]
