# Aeon in a container. First `npm run build -- linux-x64 linux-arm64`, or the one of the two that the machine needs; then
# `docker compose build`, or for both at once `docker buildx build --platform linux/amd64,linux/arm64 .`. See docs/docker.md.

# Whatever has to run while building runs here, on the machine that builds: no emulator is needed for the other one.
FROM --platform=$BUILDPLATFORM debian:trixie-slim AS prepare
ARG TARGETARCH
WORKDIR /prepare
COPY dist/SHA256SUMS dist/aeon-linux-x64* dist/aeon-linux-arm64* ./
RUN set -eu; \
	case "$TARGETARCH" in \
	amd64) binary=aeon-linux-x64 ;; \
	arm64) binary=aeon-linux-arm64 ;; \
	*) echo "There is no Aeon for linux/$TARGETARCH: only amd64 and arm64." >&2; exit 1 ;; \
	esac; \
	grep " $binary\$" SHA256SUMS | sha256sum --check -; \
	mkdir -p image/usr/local/bin image/etc; \
	mv "$binary" image/usr/local/bin/aeon; \
	chmod 0755 image/usr/local/bin/aeon; \
	cp /etc/passwd /etc/group image/etc/; \
	echo 'aeon:x:10001:10001::/var/lib/aeon:/usr/sbin/nologin' >>image/etc/passwd; \
	echo 'aeon:x:10001:' >>image/etc/group; \
	mkdir -m 0700 home

FROM debian:trixie-slim
LABEL org.opencontainers.image.title="Aeon" \
	org.opencontainers.image.description="A personal AI assistant in one file"
COPY --from=prepare --chown=0:0 /prepare/image/ /
COPY --from=prepare --chown=10001:10001 /prepare/home /var/lib/aeon
ENV HOME=/var/lib/aeon
USER 10001:10001
WORKDIR /var/lib/aeon
VOLUME /var/lib/aeon
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=2m --timeout=10s --start-period=30s --retries=3 \
	CMD ["/usr/local/bin/aeon", "status"]
ENTRYPOINT ["/usr/local/bin/aeon"]
CMD ["serve"]
