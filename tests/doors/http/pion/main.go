// A client of WHIP and WHEP made of Pion: "publish" or "play", a URL, and a file of H.264 that is read or written. Each
// twentieth packet of the picture is lost on its way at first, so that it has to be asked for again. With "server" as
// the last argument it waits for the other side to begin DTLS. What it has seen is a line of JSON at the end.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"github.com/pion/webrtc/v4/pkg/media/h264reader"
)

// One packet in so many is lost.
const lossOf = 20

// A player ends when nothing has come for so long.
const silence = 1500 * time.Millisecond

type report struct {
	Dropped    int64 `json:"dropped"`
	Nacks      int64 `json:"nacks"`
	Repaired   int64 `json:"repaired"`
	KeyAsked   int64 `json:"keyAsked"`
	Missing    int   `json:"missing"`
	Packets    int   `json:"packets"`
	Audio      int64 `json:"audio"`
	Reports    int64 `json:"reports"`
	DtlsServer bool  `json:"dtlsServer"`
}

var seen report

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3], len(os.Args) > 4 && os.Args[4] == "server"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	line, _ := json.Marshal(seen)
	fmt.Println(string(line))
}

func run(mode, endpoint, path string, waits bool) error {
	engine := &webrtc.MediaEngine{}
	if err := engine.RegisterDefaultCodecs(); err != nil {
		return err
	}
	registry := &interceptor.Registry{}
	// The first one is the nearest to the network.
	registry.Add(lossy{})
	if err := webrtc.RegisterDefaultInterceptors(engine, registry); err != nil {
		return err
	}
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	api := webrtc.NewAPI(
		webrtc.WithMediaEngine(engine),
		webrtc.WithInterceptorRegistry(registry),
		webrtc.WithSettingEngine(settings),
	)
	peer, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return err
	}
	defer peer.Close()
	seen.DtlsServer = waits
	if mode == "play" {
		return play(peer, endpoint, path, waits)
	}
	return publish(peer, endpoint, path, waits)
}

func signal(peer *webrtc.PeerConnection, endpoint string, waits bool) (string, error) {
	offer, err := peer.CreateOffer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(peer)
	if err := peer.SetLocalDescription(offer); err != nil {
		return "", err
	}
	<-gathered
	text := peer.LocalDescription().SDP
	if waits {
		text = strings.ReplaceAll(text, "a=setup:actpass", "a=setup:passive")
	}
	response, err := http.Post(endpoint, "application/sdp", strings.NewReader(text))
	if err != nil {
		return "", err
	}
	answer, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusCreated {
		return "", fmt.Errorf("%d %s", response.StatusCode, answer)
	}
	base, _ := url.Parse(endpoint)
	session, err := base.Parse(response.Header.Get("Location"))
	if err != nil {
		return "", err
	}
	return session.String(), peer.SetRemoteDescription(
		webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)})
}

func remove(session string) error {
	request, _ := http.NewRequest(http.MethodDelete, session, nil)
	response, err := http.DefaultClient.Do(request)
	if err == nil {
		response.Body.Close()
	}
	return err
}

func connected(peer *webrtc.PeerConnection) <-chan error {
	done := make(chan error, 2)
	peer.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			done <- nil
		case webrtc.PeerConnectionStateFailed:
			done <- errors.New("the connection has failed")
		}
	})
	return done
}

func publish(peer *webrtc.PeerConnection, endpoint, path string, waits bool) error {
	picture, _ := webrtc.NewTrackLocalStaticSample(
		webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264}, "video", "cam")
	sound, _ := webrtc.NewTrackLocalStaticSample(
		webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "audio", "cam")
	for _, track := range []webrtc.TrackLocal{sound, picture} {
		sender, err := peer.AddTrack(track)
		if err != nil {
			return err
		}
		go feedback(sender)
	}
	done := connected(peer)
	session, err := signal(peer, endpoint, waits)
	if err != nil {
		return err
	}
	if err := <-done; err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	units, err := h264reader.NewReader(file)
	if err != nil {
		return err
	}
	ticker := time.NewTicker(40 * time.Millisecond)
	for access := (bytes.Buffer{}); ; {
		unit, err := units.NextNAL()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		ends := err != nil
		if !ends {
			access.Write([]byte{0, 0, 0, 1})
			access.Write(unit.Data)
			// One slice a picture.
			isSlice := unit.UnitType == h264reader.NalUnitTypeCodedSliceIdr ||
				unit.UnitType == h264reader.NalUnitTypeCodedSliceNonIdr
			if !isSlice {
				continue
			}
		}
		if access.Len() > 0 {
			<-ticker.C
			data := bytes.Clone(access.Bytes())
			if err := picture.WriteSample(media.Sample{Data: data, Duration: 40 * time.Millisecond}); err != nil {
				return err
			}
			for range 2 {
				// 20 ms of silence.
				sound.WriteSample(media.Sample{Data: []byte{0xf8, 0xff, 0xfe}, Duration: 20 * time.Millisecond})
			}
			access.Reset()
		}
		if ends {
			break
		}
	}
	// What was lost at the end is asked for as well.
	time.Sleep(500 * time.Millisecond)
	return remove(session)
}

func feedback(sender *webrtc.RTPSender) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			switch packet.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				atomic.AddInt64(&seen.KeyAsked, 1)
			case *rtcp.ReceiverReport:
				atomic.AddInt64(&seen.Reports, 1)
			}
		}
	}
}

func play(peer *webrtc.PeerConnection, endpoint, path string, waits bool) error {
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo} {
		direction := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
		if _, err := peer.AddTransceiverFromKind(kind, direction); err != nil {
			return err
		}
	}
	pictures := make(chan map[uint16]*rtp.Packet, 1)
	peer.OnTrack(func(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		go func() {
			for {
				packets, _, err := receiver.ReadRTCP()
				if err != nil {
					return
				}
				for _, packet := range packets {
					if _, ok := packet.(*rtcp.SenderReport); ok {
						atomic.AddInt64(&seen.Reports, 1)
					}
				}
			}
		}()
		if track.Kind() == webrtc.RTPCodecTypeAudio {
			for {
				if _, _, err := track.ReadRTP(); err != nil {
					return
				}
				atomic.AddInt64(&seen.Audio, 1)
			}
		}
		got := map[uint16]*rtp.Packet{}
		for {
			track.SetReadDeadline(time.Now().Add(silence))
			packet, attributes, err := track.ReadRTP()
			if err != nil {
				break
			}
			if attributes.Get(webrtc.AttributeRtxPayloadType) != nil {
				atomic.AddInt64(&seen.Repaired, 1)
			}
			got[packet.SequenceNumber] = packet
		}
		pictures <- got
	})
	done := connected(peer)
	if _, err := signal(peer, endpoint, waits); err != nil {
		return err
	}
	if err := <-done; err != nil {
		return err
	}
	fmt.Println("connected")
	return write(path, <-pictures)
}

// Puts the pictures together in the order of their packets.
func write(path string, got map[uint16]*rtp.Packet) error {
	seen.Packets = len(got)
	var first uint16
	for number := range got {
		first = number
		break
	}
	for got[first-1] != nil {
		first--
	}
	// A gap may be before the number that was found by chance.
	for back, number := 0, first-1; back < 1000; back, number = back+1, number-1 {
		if got[number] != nil {
			first = number
			back = 0
		}
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	unpack := &codecs.H264Packet{}
	for number, left := first, len(got); left > 0; number++ {
		packet := got[number]
		if packet == nil {
			seen.Missing++
			continue
		}
		left--
		data, err := unpack.Unmarshal(packet.Payload)
		if err != nil {
			return err
		}
		if _, err := file.Write(data); err != nil {
			return err
		}
	}
	return nil
}

// Loses packets of the picture, each once.
type lossy struct{}

func (lossy) NewInterceptor(string) (interceptor.Interceptor, error) { return &losing{}, nil }

type losing struct{ interceptor.NoOp }

func (*losing) BindLocalStream(
	info *interceptor.StreamInfo, writer interceptor.RTPWriter,
) interceptor.RTPWriter {
	newest := uint16(0)
	return interceptor.RTPWriterFunc(
		func(header *rtp.Header, payload []byte, attributes interceptor.Attributes) (int, error) {
			isNew := newest == 0 || int16(header.SequenceNumber-newest) > 0
			isMedia := header.SSRC == info.SSRC && info.MimeType == webrtc.MimeTypeH264
			if isMedia && isNew {
				newest = header.SequenceNumber
				if header.SequenceNumber%lossOf == 0 {
					atomic.AddInt64(&seen.Dropped, 1)
					return len(payload), nil
				}
			} else if isMedia || header.SSRC == info.SSRCRetransmission && info.SSRCRetransmission != 0 {
				atomic.AddInt64(&seen.Repaired, 1)
			}
			return writer.Write(header, payload, attributes)
		})
}

func (*losing) BindRemoteStream(
	info *interceptor.StreamInfo, reader interceptor.RTPReader,
) interceptor.RTPReader {
	dropped := map[uint16]bool{}
	return interceptor.RTPReaderFunc(
		func(buffer []byte, attributes interceptor.Attributes) (int, interceptor.Attributes, error) {
			for {
				count, attributes, err := reader.Read(buffer, attributes)
				if err != nil || info.MimeType != webrtc.MimeTypeH264 {
					return count, attributes, err
				}
				number := uint16(buffer[2])<<8 | uint16(buffer[3])
				if number%lossOf != 0 || dropped[number] {
					return count, attributes, err
				}
				dropped[number] = true
				atomic.AddInt64(&seen.Dropped, 1)
			}
		})
}

func (*losing) BindRTCPWriter(writer interceptor.RTCPWriter) interceptor.RTCPWriter {
	return interceptor.RTCPWriterFunc(
		func(packets []rtcp.Packet, attributes interceptor.Attributes) (int, error) {
			for _, packet := range packets {
				if _, ok := packet.(*rtcp.TransportLayerNack); ok {
					atomic.AddInt64(&seen.Nacks, 1)
				}
			}
			return writer.Write(packets, attributes)
		})
}
