#!/bin/sh
# Makes clip.h264 and clip.ogg, the looped stream of `stentor demo`.
#
#   demo/clip/make.sh            # needs ffmpeg (5.1 was used) with x264, opus and flite, and the DejaVu fonts
#
# The picture is eight seconds of real 3840x2160 at 30 frames a second, made so that a person can judge it and a small
# machine can decode it:
#   - one-pixel lines, a zone plate and a grid show at a glance whether the picture was scaled on its way;
#   - the clock, the frame number and the ball show motion, and by comparison of two screens the latency;
#   - the square in the middle lights with each spoken second, so that sound and picture can be compared;
#   - the rest stands still: it costs bits in the key frames alone, and next to nothing to decode.
# The coding is what every browser decodes, and in the cheapest way: constrained baseline, CAVLC, one reference, no B-frames,
# no deblocking. A key frame each second (closed groups) is the longest that a new viewer would ever wait.
#
# Measured on one core of the build machine: 240 frames decode in 1.4 s (ffmpeg, one thread), 5.9 ms each; Chromium takes
# 12 ms and shows 30 frames a second beside a mesh of three nodes. A key frame has 340 kB, the others 5 kB: 3.9 Mbit/s.
#
# Both files last exactly 240 frames = 400 packets = 8 s, which is what lets a loop run on without a seam. The Opus encoder
# looks 312 samples ahead, so the sound is made that much shorter. Everything is bitexact and x264 runs on one thread: the
# same ffmpeg makes the same bytes.
set -eu
cd "$(dirname "$0")"
out=${1:-.}
sans=/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf
mono=/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
quiet="-hide_banner -loglevel error -nostdin -y"

# What stands still, made once. 4:4:4 until the end, so that the fine lines are placed to the pixel.
ffmpeg $quiet \
	-f lavfi -i "color=c=0x10161d:s=3840x2160,format=yuv444p,trim=end_frame=1" \
	-f lavfi -i "nullsrc=s=720x720,format=gray,geq=lum='128+100*cos(PI*((X-360)*(X-360)+(Y-360)*(Y-360))/960)',trim=end_frame=1" \
	-f lavfi -i "nullsrc=s=720x360,format=gray,geq=lum='235*mod(floor(X/(1+floor(Y/90))),2)',trim=end_frame=1" \
	-f lavfi -i "smptehdbars=s=3600x240,format=yuv444p,trim=end_frame=1" \
	-filter_complex "
		[0]drawgrid=w=120:h=120:t=2:c=0x24313d,
		drawbox=x=0:y=0:w=3840:h=2160:t=1:c=white,
		drawbox=x=60:y=60:w=3720:h=2040:t=4:c=0x3fa7d6,
		drawbox=x=180:y=1380:w=3480:h=240:t=2:c=0x3fa7d6,
		drawtext=fontfile=$sans:text='Stentor':fontsize=220:fontcolor=white:x=180:y=150,
		drawtext=fontfile=$sans:text='3840 x 2160 at 30 frames a second':fontsize=84:fontcolor=0xb8c7d3:x=190:y=400,
		drawtext=fontfile=$sans:text='one pixel to four pixels':fontsize=40:fontcolor=0xb8c7d3:x=2940:y=1300[paper];
		[1]format=yuv444p[zone]; [2]format=yuv444p[lines];
		[paper][zone]overlay=x=2940:y=150[a]; [a][lines]overlay=x=2940:y=910[b]; [b][3]overlay=x=120:y=1740" \
	-frames:v 1 -bitexact "$tmp/still.png"
ffmpeg $quiet -f lavfi -i "nullsrc=s=200x200,format=rgba,geq=r=255:g=170:b=40:a='255*clip(100-hypot(X-100,Y-100),0,1)',trim=end_frame=1" \
	-frames:v 1 -bitexact "$tmp/ball.png"

# What moves. The ball goes there and back once per clip, so that the loop has no jump.
ffmpeg $quiet -loop 1 -framerate 30 -i "$tmp/still.png" -loop 1 -framerate 30 -i "$tmp/ball.png" \
	-filter_complex "
		[0]format=yuv420p,
		drawtext=fontfile=$mono:text='%{pts\:hms}':fontsize=270:fontcolor=white:x=18:y=640,
		drawtext=fontfile=$mono:text='frame %{eif\:n\:d\:3}':fontsize=270:fontcolor=0xffaa28:x=180:y=960,
		drawbox=x=2520:y=1000:w=240:h=240:t=fill:c=white:enable='lt(mod(n,30),6)'[bg];
		[1]format=yuva420p[ball];
		[bg][ball]overlay=x='180+(3480-200)*(1-cos(2*PI*n/240))/2':y=1400:eval=frame:shortest=0,format=yuv420p" \
	-frames:v 240 -an \
	-c:v libx264 -profile:v baseline -level:v 5.1 -preset slow -tune zerolatency -crf 27 -threads 1 \
	-x264-params "keyint=30:min-keyint=30:scenecut=0:bframes=0:ref=1:cabac=0:no-deblock=1:weightp=0:slices=1:sliced-threads=0:aud=0:colorprim=bt709:transfer=bt709:colormatrix=bt709:range=tv" \
	-bsf:v "filter_units=remove_types=6" -flags:v +bitexact -fflags +bitexact -f h264 "$out/clip.h264"

# Each second begins with a short tone; a voice then says which second it is.
voices="" mix="" n=0
for word in zero one two three four five six seven; do
	voices="$voices -f lavfi -i flite=text='$word':voice=slt"
	mix="$mix[$n]aresample=48000,volume=0.9,adelay=delays=$((n * 1000 + 180)):all=1,apad=whole_len=384000[v$n];"
	n=$((n + 1))
done
# shellcheck disable=SC2086
ffmpeg $quiet $voices \
	-f lavfi -i "aevalsrc=exprs='0.35*sin(2*PI*880*t)*min(1\,80*mod(t\,1))*max(0\,1-mod(t\,1)/0.15)':s=48000:d=8" \
	-filter_complex "$mix[v0][v1][v2][v3][v4][v5][v6][v7][8]amix=inputs=9:normalize=0,atrim=end_sample=$((384000 - 312)),aformat=channel_layouts=mono" \
	-c:a libopus -b:a 40k -vbr on -application voip -frame_duration 20 -fec 1 -packet_loss 10 \
	-flags:a +bitexact -fflags +bitexact -map_metadata -1 -f ogg "$out/clip.ogg"
