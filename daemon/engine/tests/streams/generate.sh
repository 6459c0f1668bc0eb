#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Makes the streams of this directory anew (x264, vpxenc, ffmpeg) and their lists of frame MD5s.
set -eu
cd "$(dirname "$0")"
source=$(mktemp --suffix=.y4m)
trap 'rm -f "$source"' EXIT
ffmpeg -v error -y -f lavfi -i 'testsrc2=s=176x144:r=25:d=1.2,scale=112x80' -pix_fmt yuv420p "$source"
x264='x264 --quiet --no-progress --threads 1'
$x264 --bframes 3 --b-pyramid normal --ref 4 --slices 2 --weightp 2 --crf 32 --keyint 16 -o pyramid.264 "$source"
$x264 --tff --bframes 2 --crf 32 --keyint 12 -o mbaff.264 "$source"
$x264 --output-depth 10 --profile high10 --crf 34 --bframes 2 --cqm jvt -o high10.264 "$source"
$x264 --bframes 2 --open-gop --keyint 10 --min-keyint 10 --no-scenecut --crf 32 -o opengop.264 "$source"
vpxenc --quiet --codec=vp9 --ivf --passes=2 --auto-alt-ref=1 --lag-in-frames=12 --kf-max-dist=14 \
	--end-usage=q --cq-level=45 --limit=30 -o altref.ivf "$source"
ffmpeg -v error -y -f lavfi -i 'testsrc2=s=176x144:r=25:d=1,scale=111x79' -pix_fmt yuv420p10le \
	-c:v libvpx-vp9 -auto-alt-ref 1 -lag-in-frames 12 -g 12 -crf 45 -b:v 0 -f ivf odd10.ivf
for stream in *.264 *.ivf; do
	ffmpeg -v error -i "$stream" -fps_mode passthrough -autoscale 0 -f framemd5 - |
		sed -n '/^#/!s/.*, *//p' >"${stream%.*}.md5"
done
