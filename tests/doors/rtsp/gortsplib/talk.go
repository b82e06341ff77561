package main

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtp"
)

const said = 50

func sound(number uint16, payloadType uint8) *rtp.Packet {
	payload := make([]byte, 160)
	payload[0] = byte(number)
	return &rtp.Packet{
		Header: rtp.Header{
			Version:        2,
			PayloadType:    payloadType,
			SequenceNumber: number,
			Timestamp:      uint32(number) * 160,
			SSRC:           0x12345678,
		},
		Payload: payload,
	}
}

// talk sets up all that is described, the back channel too, and says 50 packets of 20 ms. It prints which payload types
// it was offered, and whether it was sent anything meanwhile.
func talk(client *gortsplib.Client, url *base.URL) {
	client.RequestBackChannels = true
	fail(client.Start())
	defer client.Close()
	described, _, err := client.Describe(url)
	fail(err)
	var back *description.Media
	for _, media := range described.Medias {
		if media.IsBackChannel {
			back = media
			for _, one := range media.Formats {
				fmt.Println("offered", one.PayloadType())
			}
		}
	}
	if back == nil {
		fmt.Println("failed: no back channel")
		os.Exit(1)
	}
	fail(client.SetupAll(described.BaseURL, described.Medias))
	var mutex sync.Mutex
	count := 0
	client.OnPacketRTPAny(func(_ *description.Media, _ format.Format, _ *rtp.Packet) {
		mutex.Lock()
		count++
		mutex.Unlock()
	})
	_, err = client.Play(nil)
	fail(err)
	for number := range uint16(said) {
		fail(client.WritePacketRTP(back, sound(number, back.Formats[0].PayloadType())))
		time.Sleep(20 * time.Millisecond)
	}
	mutex.Lock()
	defer mutex.Unlock()
	fmt.Println("said, heard:", count > 0)
}

type camera struct {
	stream *gortsplib.ServerStream
	back   *description.Media
	ready  sync.WaitGroup
}

func (c *camera) OnDescribe(
	_ *gortsplib.ServerHandlerOnDescribeCtx,
) (*base.Response, *gortsplib.ServerStream, error) {
	c.ready.Wait()
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

func (c *camera) OnSetup(
	_ *gortsplib.ServerHandlerOnSetupCtx,
) (*base.Response, *gortsplib.ServerStream, error) {
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

func (c *camera) OnPlay(ctx *gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	count := 0
	ctx.Session.OnPacketRTPAny(func(media *description.Media, _ format.Format, packet *rtp.Packet) {
		if media == c.back {
			count++
			fmt.Println("heard", count, packet.PayloadType, packet.Payload[0])
		}
	})
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// serve is a camera on a port, which sends sound and hears what is said to it: a line for each packet of that.
func serve(port string) {
	number, err := strconv.Atoi(port)
	fail(err)
	law := &format.G711{PayloadTyp: 8, MULaw: false, SampleRate: 8000, ChannelCount: 1}
	c := &camera{back: &description.Media{
		Type:          description.MediaTypeAudio,
		IsBackChannel: true,
		Formats:       []format.Format{law},
	}}
	sound1 := &description.Media{Type: description.MediaTypeAudio, Formats: []format.Format{law}}
	server := &gortsplib.Server{
		Handler:        c,
		RTSPAddress:    "127.0.0.1:" + port,
		UDPRTPAddress:  fmt.Sprintf("127.0.0.1:%d", number+2),
		UDPRTCPAddress: fmt.Sprintf("127.0.0.1:%d", number+3),
	}
	c.ready.Add(1)
	fail(server.Start())
	defer server.Close()
	c.stream = &gortsplib.ServerStream{
		Server: server,
		Desc:   &description.Session{Medias: []*description.Media{sound1, c.back}},
	}
	fail(c.stream.Initialize())
	c.ready.Done()
	fmt.Println("listening")
	for number := uint16(0); ; number++ {
		fail(c.stream.WritePacketRTP(sound1, sound(number, 8)))
		time.Sleep(20 * time.Millisecond)
	}
}
