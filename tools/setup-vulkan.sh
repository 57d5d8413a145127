#!/bin/sh
# A Vulkan driver that needs no GPU, so that the GPU executor is tested natively too. Without one those tests say so and pass.
set -eu
if [ -z "$(ls /usr/share/vulkan/icd.d/*.json /etc/vulkan/icd.d/*.json 2>/dev/null)" ] && command -v apt-get >/dev/null \
    && [ "$(id -u)" = 0 ]; then
    echo "setup-vulkan: installing Mesa's software Vulkan driver"
    { apt-get update -q && apt-get install -qy --no-install-recommends mesa-vulkan-drivers; } || true
fi
