# `pipeline` with a shell and tar, for `pipeline submit` and as an image of CI jobs: not root, below 80 MB.
# Steps that need more (git, python, helm) use an image of their own that begins `FROM` this one.
FROM rust:1-slim-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --release --locked --bin pipeline \
    && mkdir -p /out/usr/local/bin /out/lib /out/etc/ssl/certs /out/home/pipeline \
    && cp target/release/pipeline /out/usr/local/bin/ \
    && cp /lib/*-linux-gnu/libgcc_s.so.1 /out/lib/

FROM busybox:1.37-glibc
COPY --from=build /out/ /
ENV HOME=/home/pipeline
USER 65532:65532
WORKDIR /home/pipeline
ENTRYPOINT ["pipeline"]
