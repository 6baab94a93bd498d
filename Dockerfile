# syntax=docker/dockerfile:1
# The image of GridMQ: docker build -t gridmq --build-arg VERSION=$(git describe --tags --always) .
# It holds the binary, the roots of the web's certificates, and an empty /data.
# test/packaging does these steps in a clean folder, without an engine.

# Compiles for any platform on the machine's own.
FROM --platform=$BUILDPLATFORM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unknown
ARG TARGETOS=linux
ARG TARGETARCH=amd64
# The flags of make dist: static, so that nothing else has to be in the image.
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /out/usr/bin/gridmq ./cmd/gridmq
RUN mkdir -p /out/etc/ssl/certs && cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ca-certificates.crt
RUN mkdir -p /out/usr/share/doc/gridmq && cp LICENSE /out/usr/share/doc/gridmq/LICENSE
RUN mkdir -p /volume/data && chmod 0700 /volume/data

FROM scratch
COPY --from=build /out/ /
# Nobody's number, without a name: there is no /etc/passwd. A volume that Docker makes gets
# this owner; a folder of the host has to be given it.
COPY --from=build --chown=65532:65532 /volume/data /data
USER 65532:65532
VOLUME ["/data"]
# The two last ones listen on loopback unless told otherwise, and in a container nobody would
# reach them there. Who may come to them is decided by what is published.
ENV PATH=/usr/bin \
    GRIDMQ_DATA=/data \
    GRIDMQ_LOG_FORMAT=json \
    GRIDMQ_OPERATIONS_ADDRESS=:9464 \
    GRIDMQ_MANAGEMENT_ADDRESS=:9443
# MQTT over TLS; WebSocket and the HTTP data plane; management; metrics and health
EXPOSE 8883 8443 9443 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10m --retries=3 CMD ["/usr/bin/gridmq", "health"]
ENTRYPOINT ["/usr/bin/gridmq"]
CMD ["serve"]
